import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { isExhaustive } from '#test/support/exhaustive.js';
import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';
import type { Replacement } from '#test/support/controller/sim-daemon-set.js';
import { expectTidy } from '#test/support/controller/tidy-cluster.js';
import { panelRestarts } from './api/panel-restart.js';

// `npm run trials` kills at every point; here, at every fifth, each scenario beginning at another one.
const step = isExhaustive ? 1 : 5;
const settleMs = 5_000;

/** What becomes of a replacement, and how a restart then ends. */
interface Scenario {
  readonly what: string;
  readonly replacement: Replacement;
  readonly phase: string;
  /** Room comes this long after the first pod was taken out. */
  readonly roomAfterMs?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Called off once the controller has made this many calls. */
  readonly abortAfterCalls?: number;
}

const tight = { 'panelet.dev/warm-timeout': '10s' };
const scenarios: readonly Scenario[] = [
  { what: 'that serves', replacement: 'good', phase: 'Succeeded' },
  { what: 'that crashes again and again', replacement: 'crashing', phase: 'Failed', annotations: tight },
  {
    what: 'for which there is no room',
    replacement: 'unschedulable',
    phase: 'Succeeded',
    roomAfterMs: 40_000,
    annotations: tight,
  },
  {
    what: 'that a quota forbids',
    replacement: 'quota',
    phase: 'Succeeded',
    roomAfterMs: 40_000,
    annotations: tight,
  },
  { what: 'that waits for the older one to go', replacement: 'waiting', phase: 'Succeeded', annotations: tight },
  {
    what: 'for which there is no room, where no pod may be away',
    replacement: 'unschedulable',
    phase: 'Failed',
    annotations: { ...tight, 'panelet.dev/max-unavailable': '0' },
  },
  {
    what: 'that has sessions when the restart is called off',
    replacement: 'good',
    phase: 'Aborted',
    abortAfterCalls: 6,
    annotations: { 'panelet.dev/max-surge': '2' },
  },
];

interface Started {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  readonly original: (string | undefined)[];
  readonly name: () => string;
}

async function start(
  scenario: Scenario,
  faults: FaultPoint[],
  lags: { view?: number; set?: number } = {},
): Promise<Started> {
  const { replacement, roomAfterMs, annotations = {}, abortAfterCalls } = scenario;
  const sim = createSimCluster({ nodes: 2, surge: { lagMs: lags.set ?? 20 } });
  const original = sim.pods().map((pod) => pod.metadata.uid);
  sim.annotate({ 'panelet.dev/restart': 'a', ...annotations });
  sim.replacement = replacement;
  const driver = createSimDriver(sim, faults, lags.view);
  const name = (): string => driver.restarts()[0]?.metadata.name ?? '';
  await driver.until(() => name() !== '', 10_000);
  if (roomAfterMs !== undefined) {
    sim.clock.after(roomAfterMs, () => {
      sim.replacement = 'good';
      sim.schedule();
    });
  }
  if (abortAfterCalls !== undefined) {
    await driver.until(() => driver.calls.length >= abortAfterCalls || sim.agents.commands.length > 0, 60_000);
    const key = { namespace: sim.target.namespace, name: name() };
    sim.kube.mutate(panelRestarts, key, (restart) => ({ ...restart, spec: { ...restart.spec, abort: true } }));
  }
  return { sim, driver, original, name };
}

async function finish({ sim, driver, name }: Started): Promise<boolean> {
  const isDone = await driver.until(() => isOver(sim, name()), 900_000);
  await driver.until(() => false, settleMs);
  return isDone;
}

function expectEnd({ sim, original, name }: Started, phase: string): void {
  expectTidy(sim);
  const { status } = sim.restart(name());
  expect(status?.phase).toBe(phase);
  expect(status?.sessions).toMatchObject({ forced: 0, lost: 0 });
  for (const [uid, count] of sim.deletes()) expect([original.includes(uid), count]).toEqual([true, 1]);
  if (phase === 'Succeeded') expect([...sim.deletes().keys()].sort()).toEqual([...original].sort());
}

describe('a controller that is killed while a pod has its replacement beside it', () => {
  test.each(scenarios.map((scenario, index) => ({ ...scenario, index })))(
    '$what, at any write or gate call, before or after it takes effect: nothing is lost, nothing stays behind',
    async (scenario) => {
      const whole = await start(scenario, []);
      expect(await finish(whole)).toBe(true);
      expectEnd(whole, scenario.phase);
      const points = whole.driver.calls.flatMap((_, index) =>
        (['before', 'after'] as const).map((when) => ({ call: index + 1, when })),
      );
      expect(points.length).toBeGreaterThan(10);
      for (const { call, when } of points.filter((_, index) => index % step === scenario.index % step)) {
        const started = await start(scenario, [{ call, when }]);
        const done = await finish(started);
        expect({ call, when, done }).toEqual({ call, when, done: true });
        expectEnd(started, scenario.phase);
      }
    },
    120_000,
  );

  test("again and again, with caches that lag: its own, and that of the DaemonSet's controller", async () => {
    const fault = fc.record({
      call: fc.integer({ min: 1, max: 40 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    const world = fc.record({
      faults: fc.array(fault, { maxLength: 6 }),
      view: fc.integer({ min: 0, max: 120 }),
      set: fc.integer({ min: 1, max: 1_500 }),
      scenario: fc.constantFrom(...scenarios.filter(({ phase }) => phase !== 'Aborted')),
    });
    await fc.assert(
      fc.asyncProperty(world, async ({ faults, view, set, scenario }) => {
        const started = await start(scenario, [...faults], { view, set });
        expect(await finish(started)).toBe(true);
        expectEnd(started, scenario.phase);
      }),
      { numRuns: isExhaustive ? 300 : 15 },
    );
  }, 120_000);

  test('while somebody changes his mind at any moment: pauses, goes on, changes the template, or undoes it', async () => {
    const act = fc.record({
      afterMs: fc.integer({ min: 0, max: 3_000 }),
      what: fc.constantFrom('pause' as const, 'go on' as const, 'h2' as const, 'h1' as const, 'again' as const),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 400 }),
        async (acts, set) => {
          const sim = createSimCluster({ nodes: 2, surge: { lagMs: set } });
          sim.annotate({ 'panelet.dev/restart': 'a', 'panelet.dev/rollout': 'managed' });
          const driver = createSimDriver(sim);
          let requests = 0;
          for (const { afterMs, what } of acts) {
            await driver.until(() => false, afterMs);
            if (what === 'again') sim.annotate({ 'panelet.dev/restart': `b${requests++}` });
            else if (what === 'h1' || what === 'h2') sim.setTemplate(what);
            else pause(sim, what === 'pause');
          }
          pause(sim, false);
          const isQuiet = (): boolean =>
            driver.restarts().length > 0 &&
            driver.restarts().every(({ status }) => status?.completionTime !== undefined);
          expect(await driver.until(isQuiet, 900_000)).toBe(true);
          await driver.until(() => false, settleMs);
          expectTidy(sim);
          const phases = driver.restarts().map(({ status }) => status?.phase);
          expect(phases.filter((phase) => phase !== 'Succeeded' && phase !== 'Superseded')).toEqual([]);
        },
      ),
      { numRuns: isExhaustive ? 300 : 15 },
    );
  }, 120_000);
});

function pause(sim: SimCluster, paused: boolean): void {
  for (const { metadata, status } of sim.kube.all(panelRestarts)) {
    if (status?.completionTime !== undefined) continue;
    sim.kube.mutate(panelRestarts, metadata, (restart) => ({ ...restart, spec: { ...restart.spec, paused } }));
  }
}

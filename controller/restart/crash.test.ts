import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { isExhaustive } from '#test/support/exhaustive.js';
import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { pods } from '#kube/api.js';
import type { Pod } from '#kube/objects.js';

const nodes = 3;
// `npm run trials` kills at every point; here, at every tenth, each scenario beginning at another one.
const step = isExhaustive ? 1 : 10;
const perPod = { kept: 2, checkpointable: 3 };

function expectExact(
  sim: SimCluster,
  original: readonly (string | undefined)[],
  name: string,
  others: { readonly resumed?: number } = {},
): void {
  expect(sim.violations).toEqual([]);
  expect([...sim.deletes()].sort()).toEqual(original.map((uid) => [uid, 1]).sort());
  const { status } = sim.restart(name);
  expect(status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: nodes, failed: 0, total: nodes } });
  expect(status?.sessions).toMatchObject({
    kept: nodes * perPod.kept,
    checkpointed: nodes * perPod.checkpointable,
    resumed: nodes * perPod.checkpointable,
    forced: 0,
    lost: 0,
    ...others,
  });
  expect(sim.kube.all(pods).some((pod) => pod.metadata.annotations?.['panelet.dev/claim'] !== undefined)).toBe(false);
}

/** A way to ask for a restart, and the pods that it is about. */
interface Scenario {
  readonly what: string;
  readonly options?: Partial<SimOptions>;
  readonly ask: (sim: SimCluster) => void;
  readonly podsOf: (sim: SimCluster) => Pod[];
}

const agentPods = (sim: SimCluster): Pod[] => sim.pods();
const selector = { matchLabels: { app: 'panelet-agent' } };
const scenarios: readonly Scenario[] = [
  { what: 'by annotation', ask: (sim) => sim.annotate({ 'panelet.dev/restart': 'a' }), podsOf: agentPods },
  {
    what: 'under a budget',
    ask: (sim) => {
      sim.budget({ selector, minAvailable: 2 });
      sim.annotate({ 'panelet.dev/restart': 'a' });
    },
    podsOf: agentPods,
  },
  {
    what: 'of a changed template',
    ask: (sim) => {
      sim.annotate({ 'panelet.dev/rollout': 'managed' });
      sim.setTemplate('h2');
    },
    podsOf: agentPods,
  },
  {
    what: 'of hosts',
    options: { host: perPod },
    ask: (sim) => sim.annotate({ 'panelet.dev/restart': 'a' }, 'panelet-host'),
    podsOf: (sim) => sim.hostPods(),
  },
];

interface Started {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  readonly name: string;
  readonly original: (string | undefined)[];
}

async function start({ options, ask, podsOf }: Scenario, faults: FaultPoint[] = []): Promise<Started> {
  const sim = createSimCluster({ nodes, agent: perPod, ...options });
  const original = podsOf(sim).map((pod) => pod.metadata.uid);
  ask(sim);
  const driver = createSimDriver(sim, faults);
  return { sim, driver, original, name: await annotated(sim, driver) };
}

async function callsOfOneLife(scenario: Scenario): Promise<string[]> {
  const { sim, driver, name } = await start(scenario);
  await driver.until(() => isOver(sim, name));
  return driver.calls;
}

async function annotated(sim: SimCluster, driver: SimDriver): Promise<string> {
  const find = (): string | undefined =>
    driver.restarts().find((restart) => restart.metadata.annotations !== undefined)?.metadata.name;
  await driver.until(() => find() !== undefined, 10_000);
  return find() ?? '';
}

async function runWith(
  faults: FaultPoint[],
): Promise<{ sim: SimCluster; done: boolean; name: string; lives: number; original: (string | undefined)[] }> {
  const sim = createSimCluster({ nodes, agent: perPod });
  const original = sim.pods().map((pod) => pod.metadata.uid);
  sim.annotate({ 'panelet.dev/restart': 'a', 'panelet.dev/max-unavailable': '2' });
  const driver = createSimDriver(sim, faults);
  const name = await annotated(sim, driver);
  const done = await driver.until(() => isOver(sim, name), 600_000);
  return { sim, done, name, lives: driver.lives(), original };
}

describe('a controller that is killed', () => {
  test.each(scenarios.map((scenario, index) => ({ ...scenario, index })))(
    'at any write or gate call of a restart $what, before or after it takes effect: one delete a pod, after its receipt',
    async (scenario) => {
      const calls = await callsOfOneLife(scenario);
      expect(calls.length).toBeGreaterThan(30);
      expect(calls).toContain(scenario.what === 'under a budget' ? 'evict' : 'delete');
      const points = calls.flatMap((_, index) =>
        (['before', 'after'] as const).map((when) => ({ call: index + 1, when })),
      );
      for (const { call, when } of points.filter((_, index) => index % step === scenario.index % step)) {
        const { sim, driver, name, original } = await start(scenario, [{ call, when }]);
        const done = await driver.until(() => isOver(sim, name), 600_000);
        expect({ call, when, done, lives: driver.lives() }).toEqual({ call, when, done: true, lives: 2 });
        expect(driver.restarts()).toHaveLength(1);
        expectExact(sim, original, name, scenario.options?.host === undefined ? {} : { resumed: 0 });
      }
    },
    60_000,
  );

  test('again and again, at random calls, two pods at a time', async () => {
    const point = fc.record({
      call: fc.integer({ min: 1, max: 25 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(point, { minLength: 1, maxLength: 12 }), async (faults) => {
        const { sim, done, name, original } = await runWith([...faults]);
        expect(done).toBe(true);
        expectExact(sim, original, name);
      }),
      { numRuns: 150 / step },
    );
  });

  test('with a cache that lags and agents that crash in the middle of drains', async () => {
    const scenario = fc.record({
      faults: fc.array(
        fc.record({
          call: fc.integer({ min: 1, max: 40 }),
          when: fc.constantFrom('before' as const, 'after' as const),
        }),
        { maxLength: 4 },
      ),
      lagMs: fc.integer({ min: 0, max: 120 }),
      agentCrashesMs: fc.array(
        fc.record({ afterMs: fc.integer({ min: 900, max: 4_000 }), node: fc.integer({ min: 0, max: 2 }) }),
        {
          maxLength: 5,
        },
      ),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ faults, lagMs, agentCrashesMs }) => {
        const sim = createSimCluster({ nodes, agent: perPod });
        const original = sim.pods().map((pod) => pod.metadata.uid);
        sim.annotate({ 'panelet.dev/restart': 'a' });
        const driver = createSimDriver(sim, [...faults], lagMs);
        for (const { afterMs, node } of agentCrashesMs) {
          sim.clock.after(afterMs, () => {
            for (const agent of sim.agents.byAddress.values()) if (agent.node === `node-${node}`) agent.crash();
          });
        }
        const name = await annotated(sim, driver);
        expect(await driver.until(() => isOver(sim, name), 600_000)).toBe(true);
        expectExact(sim, original, name);
      }),
      { numRuns: 150 / step },
    );
  });
});

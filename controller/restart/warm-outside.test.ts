import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';
import { expectTidy } from '#test/support/controller/tidy-cluster.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { nodeNameOf } from '#common/daemon-placement.js';
import type { Pod } from '#kube/objects.js';
import { claimOf, detachedBy } from './api/annotations.js';
import { isFinished } from './api/panel-restart.js';

// `npm run trials` breaks in at every point; here, at the first ones, and then at every fifth, each blow beginning at another one.
const step = isExhaustive ? 1 : 5;
const first = 5;
const pointsOf = (total: number, offset: number): readonly number[] =>
  Array.from({ length: total }, (_, index) => index + 1).filter(
    (call) => call <= first || call % step === offset % step,
  );
const settleMs = 35_000;
const minuteMs = 60_000;
const node = 'node-0';

interface World {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  readonly original: readonly (string | undefined)[];
}

/** Something that happens to the node of the first pod, or to everybody. */
interface Blow {
  readonly what: string;
  readonly strike: (world: World) => void;
  /** How it may end; the restart is never left half done. */
  readonly phases: readonly string[];
}

const podsOn = (sim: SimCluster): readonly Pod[] => sim.pods().filter((pod) => nodeNameOf(pod) === node);

const blows: readonly Blow[] = [
  { what: 'the node is rebooted', strike: ({ sim }) => sim.reboot(node, 5_000), phases: ['Succeeded'] },
  {
    what: 'the node is down for ten minutes',
    strike: ({ sim }) => sim.reboot(node, 10 * minuteMs),
    phases: ['Succeeded', 'Failed'],
  },
  {
    what: 'the pod that was taken out is evicted',
    strike: ({ sim }) => {
      const pod = podsOn(sim).find((one) => detachedBy(one) !== undefined);
      if (pod !== undefined && pod.metadata.deletionTimestamp === undefined) sim.kill(pod);
    },
    phases: ['Succeeded'],
  },
  {
    what: 'there is no controller for an hour',
    strike: ({ driver }) => driver.away(60 * minuteMs),
    phases: ['Succeeded', 'Failed'],
  },
  {
    what: 'the template is changed and undone a second later',
    strike: ({ sim }) => {
      sim.setTemplate('h2');
      sim.clock.after(1_000, () => sim.setTemplate('h1'));
    },
    phases: ['Succeeded', 'Superseded'],
  },
];

async function start(annotations: Readonly<Record<string, string>> = {}): Promise<World> {
  const sim = createSimCluster({ nodes: 2, surge: {} });
  const original = sim.pods().map(({ metadata }) => metadata.uid);
  sim.annotate({ 'panelet.dev/rollout': 'managed', ...annotations });
  sim.request('r1');
  const driver = createSimDriver(sim);
  await driver.until(() => driver.calls.length > 0, 10_000);
  return { sim, driver, original };
}

/** Everything that was asked for is over, and holds nothing. */
const isQuiet = ({ sim, driver }: World): boolean =>
  driver.restarts().every((restart) => isFinished(restart) && isOver(sim, restart.metadata.name));

async function countCalls(): Promise<number> {
  const world = await start();
  await world.driver.until(() => isQuiet(world), 10 * minuteMs);
  return world.driver.calls.length;
}

/** Strikes at a call, and waits for the end. @returns the stage that the pod of the node was in */
async function endAfter(world: World, call: number, strike: Blow['strike']): Promise<string> {
  const { sim, driver } = world;
  await driver.until(() => driver.calls.length >= call, 10 * minuteMs);
  const stage = podsOn(sim).flatMap((pod) => claimOf(pod)?.surge ?? [])[0] ?? '';
  strike(world);
  const isEnd = await driver.until(() => isQuiet(world), 120 * minuteMs);
  expect({ call, isEnd }).toEqual({ call, isEnd: true });
  await driver.until(() => false, settleMs);
  return stage;
}

describe('what comes from outside while a pod has its replacement beside it', () => {
  test.each(blows.map((blow, index) => ({ ...blow, index })))(
    '$what, at any moment: the restart ends, no pod stays out, no session is lost, none is deleted without its receipt',
    async ({ strike, phases, index }) => {
      const total = await countCalls();
      const stages = new Set<string>();
      for (const call of pointsOf(total, index)) {
        const world = await start();
        stages.add(await endAfter(world, call, strike));
        expectTidy(world.sim);
        const ended = world.driver.restarts().map(({ status }) => status?.phase ?? '');
        expect({ call, ended: ended.filter((phase) => !phases.includes(phase)) }).toEqual({ call, ended: [] });
        for (const count of world.sim.deletes().values()) expect(count).toBe(1);
      }
      expect([...stages]).toEqual(expect.arrayContaining(['warm', 'beside']));
    },
    120_000,
  );

  test.each([0, 30_000])(
    'its node is taken away, and both pods %i ms later: the restart ends, and the other node is as it was or restarted',
    async (podsAfterMs) => {
      const total = await countCalls();
      for (const call of pointsOf(total, podsAfterMs)) {
        const world = await start();
        const { sim } = world;
        await endAfter(world, call, () => sim.removeNode(node, podsAfterMs));
        expectTidy(sim);
        expect(sim.pods().map(nodeNameOf)).toEqual(['node-1']);
        const { phase, failures = [] } = sim.restart('r1').status ?? {};
        expect({ call, phase, failures }).toEqual({ call, phase: 'Succeeded', failures: [] });
      }
    },
    120_000,
  );

  test('the node goes down for a day while a newer pod has run there: the restart ends, and the pod goes back with the node', async () => {
    const world = await start();
    const { sim, driver, original } = world;
    await driver.until(
      () => podsOn(sim).length === 2 && podsOn(sim).every((pod) => sim.agentOf(pod).reachable),
      minuteMs,
    );
    sim.reboot(node, 24 * 60 * minuteMs);
    expect(await driver.until(() => isFinished(sim.restart('r1')), 60 * minuteMs)).toBe(true);
    expect(podsOn(sim).map((pod) => detachedBy(pod) !== undefined)).toEqual([true, false]);
    sim.request('r2', { nodeSelector: { zone: 'z1' } });
    expect(await driver.until(() => isOver(sim, 'r2'), 10 * minuteMs)).toBe(true);
    expect(sim.restart('r2').status?.phase).toBe('Succeeded');
    expect(await driver.until(() => isOver(sim, 'r1'), 25 * 60 * minuteMs)).toBe(true);
    await driver.until(() => false, settleMs);
    expectTidy(sim);
    expect(podsOn(sim).map(({ metadata }) => metadata.uid)).toEqual([original[0]]);
  });
});

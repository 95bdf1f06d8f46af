import { describe, expect, test } from '@jest/globals';

import type { FaultPoint } from '#test/support/controller/faults.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, type SimDriver } from '#test/support/controller/sim-controller.js';
import { expectTidy } from '#test/support/controller/tidy-cluster.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { claimOf, detachedBy } from './api/annotations.js';
import { panelRestarts, type PanelRestart } from './api/panel-restart.js';

// `npm run trials` deletes at every point; here, at every fifth.
const step = isExhaustive ? 1 : 5;
const settleMs = 5_000;
const gcLagMs = 700;

type Mode = 'background' | 'foreground' | 'orphan' | 'with its finalizers taken off';

/** Somebody deletes the restart; a garbage collector that is a while behind does its part. */
function deleteRestart(sim: SimCluster, mode: Mode): void {
  const key = { namespace: sim.target.namespace, name: 'r1' };
  const found = sim.kube.find(panelRestarts, key);
  if (found === undefined) return;
  const own = found.metadata.finalizers ?? [];
  if (mode === 'with its finalizers taken off' || (mode === 'background' && own.length === 0)) {
    sim.kube.remove(panelRestarts, key);
    return;
  }
  const gc = { background: [], foreground: ['foregroundDeletion'], orphan: ['orphan'] }[mode];
  const change = (finalizers: readonly string[]): void => {
    sim.kube.mutate(panelRestarts, key, (restart: PanelRestart) => ({
      ...restart,
      metadata: { ...restart.metadata, deletionTimestamp: sim.clock.date().toISOString(), finalizers },
    }));
  };
  change([...own, ...gc]);
  sim.clock.after(gcLagMs, () => {
    const now = sim.kube.find(panelRestarts, key)?.metadata.finalizers;
    if (now !== undefined) change(now.filter((name) => !gc.some((one) => one === name)));
  });
}

interface Started {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  readonly original: (string | undefined)[];
}

function start(faults: FaultPoint[] = [], ttlSecondsAfterFinished?: number): Started {
  const sim = createSimCluster({ nodes: 2, surge: {} });
  const original = sim.pods().map(({ metadata }) => metadata.uid);
  sim.request('r1', { ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }) });
  return { sim, driver: createSimDriver(sim, faults), original };
}

async function untilGone({ sim, driver }: Started): Promise<boolean> {
  const isHeld = (): boolean => sim.pods().some((pod) => claimOf(pod) !== undefined || detachedBy(pod) !== undefined);
  const isGone = await driver.until(() => driver.restarts().length === 0 && !isHeld(), 900_000);
  await driver.until(() => false, settleMs);
  return isGone;
}

function expectNothingHarmed({ sim, original }: Started): void {
  expectTidy(sim);
  for (const [uid, count] of sim.deletes()) expect([original.includes(uid), count]).toEqual([true, 1]);
}

/** How many calls a restart takes that nobody touches. */
async function countCalls(): Promise<number> {
  const whole = start();
  await whole.driver.until(() => whole.sim.restart('r1').status?.phase === 'Succeeded', 600_000);
  return whole.driver.calls.length;
}

describe('a restart that goes while its pods are beside their replacements', () => {
  const modes: readonly Mode[] = ['background', 'foreground', 'orphan', 'with its finalizers taken off'];
  test.each(modes.map((mode, index) => ({ mode, index })))(
    'deleted ($mode) at any moment: no pod stays out of its DaemonSet, no session is lost',
    async ({ mode, index }) => {
      const total = await countCalls();
      const stages = new Set<string>();
      for (let call = index % step; call <= total; call += step) {
        const started = start();
        const { sim, driver } = started;
        await driver.until(() => driver.calls.length >= call, 600_000);
        for (const pod of sim.pods()) stages.add(claimOf(pod)?.surge ?? '');
        deleteRestart(sim, mode);
        expect({ call, gone: await untilGone(started) }).toEqual({ call, gone: true });
        expectNothingHarmed(started);
      }
      expect([...stages].sort()).toEqual(['', 'beside', 'warm']);
    },
    120_000,
  );

  test('its controllers away meanwhile: the next one puts right what is left', async () => {
    const total = await countCalls();
    for (let call = 0; call <= total; call += step) {
      const started = start([{ call: Math.max(1, call), when: 'after' }]);
      const { sim, driver } = started;
      await driver.until(() => driver.lives() > 1 || sim.restart('r1').status?.phase === 'Succeeded', 600_000);
      deleteRestart(sim, 'with its finalizers taken off');
      expect({ call, gone: await untilGone(started) }).toEqual({ call, gone: true });
      expectNothingHarmed(started);
    }
  }, 120_000);

  test('while the next one is asked for at once: that begins with pods that were given back', async () => {
    const total = await countCalls();
    for (let call = 2; call <= total; call += step) {
      const started = start();
      const { sim, driver } = started;
      await driver.until(() => driver.calls.length >= call, 600_000);
      deleteRestart(sim, 'with its finalizers taken off');
      sim.request('r2');
      await driver.until(() => sim.restart('r2').status?.completionTime !== undefined, 900_000);
      await driver.until(() => false, settleMs);
      expectTidy(sim);
      expect({ call, phase: sim.restart('r2').status?.phase }).toEqual({ call, phase: 'Succeeded' });
    }
  }, 120_000);

  test('by its time to live, as soon as it is over, whenever its controller is killed', async () => {
    const total = await countCalls();
    for (let call = 1; call <= total + 2; call += step) {
      const started = start([{ call, when: call % 2 === 0 ? 'before' : 'after' }], 0);
      expect({ call, gone: await untilGone(started) }).toEqual({ call, gone: true });
      expectNothingHarmed(started);
      expect([...started.sim.deletes().keys()].sort()).toEqual([...started.original].sort());
    }
  }, 120_000);
});

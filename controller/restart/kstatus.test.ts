import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { podDisruptionBudgets } from '#kube/api.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from './api/panel-restart.js';

type KStatus = 'InProgress' | 'Failed' | 'Current';

/**
 * What kstatus (sigs.k8s.io/cli-utils) reads from an object of a kind it does not know, and with it Argo CD's, Flux's
 * and `kpt`'s waiting: generations first, then Reconciling, then Stalled; whatever says nothing is current.
 */
function kstatusOf({ metadata, status }: PanelRestart): KStatus {
  if (status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation)
    return 'InProgress';
  const holds = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
  if (holds('Reconciling')) return 'InProgress';
  return holds('Stalled') ? 'Failed' : 'Current';
}

interface Watched {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  /** Each status once, in order. */
  readonly seen: KStatus[];
  readonly watch: (limitMs: number, done?: () => boolean) => Promise<boolean>;
  readonly change: (spec: Partial<PanelRestartSpec>) => void;
}

function setUp(options: SimOptions, spec: Partial<PanelRestartSpec> = {}): Watched {
  const sim = createSimCluster(options);
  const { metadata } = sim.request('r1', spec);
  // As the definition's default does.
  sim.kube.mutate(panelRestarts, metadata, (restart) => ({ ...restart, status: { observedGeneration: -1 } }));
  const driver = createSimDriver(sim);
  const seen: KStatus[] = [];
  const look = (): void => {
    const now = kstatusOf(sim.restart('r1'));
    if (seen.at(-1) !== now) seen.push(now);
  };
  return {
    sim,
    driver,
    seen,
    watch: (limitMs, done = () => isOver(sim, 'r1')) =>
      driver.until(() => {
        look();
        return done();
      }, limitMs),
    change: (change) => {
      sim.kube.mutate(panelRestarts, metadata, (restart) => ({ ...restart, spec: { ...restart.spec, ...change } }));
      look();
    },
  };
}

describe('a restart as kstatus reads it', () => {
  test('is in progress from its first moment to its last, then current', async () => {
    const { seen, watch } = setUp({ nodes: 3 });
    expect(await watch(60_000)).toBe(true);
    expect(seen).toEqual(['InProgress', 'Current']);
  });

  test('ends failed when a pod could not be restarted', async () => {
    const { seen, watch } = setUp({ nodes: 2, agent: { stuck: 1 } }, { drain: { timeoutSeconds: 20 } });
    expect(await watch(300_000)).toBe(true);
    expect(seen).toEqual(['InProgress', 'Failed']);
  });

  test('is in progress while it waits for its time, for others, for a budget and for people who paused it', async () => {
    const { sim, seen, watch, change } = setUp({ nodes: 3 }, { paused: true });
    await watch(20_000, () => false);
    sim.budget({ selector: {}, minAvailable: 3 });
    change({ paused: false });
    await watch(20_000, () => false);
    expect(seen).toEqual(['InProgress']);
  });

  test('is failed while only a person can help, and in progress again afterwards', async () => {
    const { sim, seen, watch } = setUp({ nodes: 3 });
    sim.budget({ selector: {}, maxUnavailable: 1 });
    await watch(20_000, () => false);
    expect(seen).toEqual(['InProgress', 'Failed']);
    for (const budget of sim.kube.all(podDisruptionBudgets)) sim.kube.remove(podDisruptionBudgets, budget.metadata);
    expect(await watch(60_000)).toBe(true);
    expect(seen).toEqual(['InProgress', 'Failed', 'InProgress', 'Current']);
  });

  test('is in progress as soon as its spec is another, and says to which generation its status belongs', async () => {
    const { sim, seen, watch, change } = setUp({ nodes: 2 });
    await watch(60_000);
    change({ ttlSecondsAfterFinished: 3_600 });
    expect(seen).toEqual(['InProgress', 'Current', 'InProgress']);
    await watch(5_000, () => false);
    expect(seen).toEqual(['InProgress', 'Current', 'InProgress', 'Current']);
    const { metadata, status } = sim.restart('r1');
    expect(status?.observedGeneration).toBe(metadata.generation);
  });

  test('ends current when it was aborted: that is what was asked for', async () => {
    const { seen, watch, change } = setUp({ nodes: 2, agent: { stuck: 1 } });
    await watch(10_000, () => false);
    change({ abort: true });
    expect(await watch(10_000)).toBe(true);
    expect(seen).toEqual(['InProgress', 'Current']);
  });
});

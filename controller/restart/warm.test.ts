import { describe, expect, test } from '@jest/globals';

import { createSimCluster, type SimCluster, type SimOptions } from '#test/support/controller/sim-cluster.js';
import type { Replacement } from '#test/support/controller/sim-daemon-set.js';
import { expectTidy } from '#test/support/controller/tidy-cluster.js';
import { State } from '#proto/gate/v1/gate.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';

import { daemonSets, pods } from '#kube/api.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { claimOf, detachedBy, detachedLabel } from './api/annotations.js';
import { isFinished, panelRestarts, type PanelRestart, type PanelRestartSpec } from './api/panel-restart.js';
import { nodeNameOf } from '#common/daemon-placement.js';

function setUp(
  spec: Partial<PanelRestartSpec> = {},
  options: Partial<SimOptions> = {},
): { sim: SimCluster; driver: SimDriver } {
  const sim = createSimCluster({ nodes: 2, surge: {}, ...options });
  sim.request('r1', spec);
  return { sim, driver: createSimDriver(sim) };
}

const isDetached = (sim: SimCluster): boolean => sim.pods().some((pod) => detachedBy(pod) !== undefined);
const stepOf = (sim: SimCluster): string | undefined => sim.restart('r1').status?.active?.[0]?.step;
const newerOf = (sim: SimCluster): Pod | undefined => {
  const old = sim.pods().find((pod) => detachedBy(pod) !== undefined);
  return old && sim.pods().find((pod) => nodeNameOf(pod) === nodeNameOf(old) && pod !== old);
};
/** How the times ended in which replacements start, as the figures tell. */
const warmEnds = ({ told }: SimDriver): unknown[] =>
  told.flatMap(([name, outcome]) => (name === 'warmDone' ? [outcome] : []));
const isReady = (pod: Pod | undefined): boolean => pod?.status?.conditions?.[0]?.status === 'True';

async function overIn(sim: SimCluster, driver: SimDriver): Promise<void> {
  expect(await driver.until(() => isOver(sim, 'r1'), 600_000)).toBe(true);
  await driver.until(() => false, 2_000);
  expectTidy(sim);
}

function change(sim: SimCluster, spec: Partial<PanelRestartSpec>): void {
  const key = { namespace: sim.target.namespace, name: 'r1' };
  sim.kube.mutate(panelRestarts, key, (restart) => ({ ...restart, spec: { ...restart.spec, ...spec } }));
}

function changeTarget(sim: SimCluster, edit: (target: DaemonSet) => DaemonSet): void {
  sim.kube.mutate(daemonSets, sim.target, edit);
}

describe('a restart that makes before it breaks', () => {
  test('has each replacement serve before it drains, and its sessions move', async () => {
    const { sim, driver } = setUp();
    const old = sim.pods().map(({ metadata }) => metadata.uid);
    await overIn(sim, driver);
    const { status } = sim.restart('r1');
    expect(status).toMatchObject({ phase: 'Succeeded', pods: { succeeded: 2, failed: 0 } });
    expect(status?.sessions).toMatchObject({ moved: 6, checkpointed: 0, lost: 0 });
    expect(warmEnds(driver)).toEqual(['beside', 'beside']);
    for (const [, , tookMs] of driver.told.filter(([name]) => name === 'warmDone')) {
      expect(Number(tookMs)).toBeGreaterThanOrEqual(300);
      expect(Number(tookMs)).toBeLessThan(3_000);
    }
    // Nobody waited for a replacement.
    expect(driver.told.filter(([name]) => name === 'replacement' || name === 'restartGap')).toEqual([]);
    expect([...sim.deletes().keys()].sort()).toEqual([...old].sort());
  });

  test('writes no more than four times for each pod where several go at a time', async () => {
    const nodes = 30;
    let turn = 0;
    // One after the other becomes ready, so that nothing falls together by itself.
    const startMs = (): number => 300 + 70 * (turn++ % 10);
    const { sim, driver } = setUp({ strategy: { maxSurge: 10, maxUnavailable: 0 } }, { nodes, startMs });
    await overIn(sim, driver);
    const perRestart = 4;
    expect(sim.kube.writes.length).toBeLessThanOrEqual(4 * nodes + perRestart);
  });

  test('is not over before the old pods are gone', async () => {
    const { sim, driver } = setUp({}, { stopMs: 5_000 });
    const old = new Set(sim.pods().map(({ metadata }) => metadata.uid));
    expect(await driver.until(() => sim.restart('r1').status?.phase === 'Succeeded', 600_000)).toBe(true);
    expect(sim.pods().filter(({ metadata }) => old.has(metadata.uid))).toEqual([]);
  });

  test('rests while an old pod takes longer to go than its replacement may take to come', async () => {
    const { sim, driver } = setUp({ replacementTimeoutSeconds: 60 }, { nodes: 1, stopMs: 600_000 });
    await driver.until(() => sim.deletes().size === 1, 60_000);
    const asked = driver.calls.length;
    await driver.until(() => false, 500_000);
    expect(driver.calls.length - asked).toBeLessThan(20);
    await overIn(sim, driver);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
  });

  test('takes a pod out in one patch: with its claim, owned by the lease, counted as a pod of a DaemonSet', async () => {
    const { sim, driver } = setUp();
    const before = sim.pods()[0]!;
    await driver.until(() => isDetached(sim));
    expect(sim.kube.writes.filter(({ plural }) => plural === 'pods')).toHaveLength(1);
    const { metadata } = sim.pods().find(({ metadata: { uid } }) => uid === before.metadata.uid)!;
    const uid = sim.restart('r1').metadata.uid ?? '';
    expect(metadata.labels).toEqual({ 'controller-revision-hash': 'h1', app: 'panelet-agent', [detachedLabel]: uid });
    expect(metadata.annotations).toMatchObject({ 'cluster-autoscaler.kubernetes.io/daemonset-pod': 'true' });
    expect(claimOf({ metadata })).toMatchObject({ restart: uid, surge: 'warm' });
    const owners = metadata.ownerReferences ?? [];
    expect(owners.map(({ kind, controller }) => [kind, controller])).toEqual([
      ['DaemonSet', false],
      ['Lease', true],
    ]);
    expect(owners.some((owner) => 'blockOwnerDeletion' in owner)).toBe(false);
  });

  test('cordons nothing, and says Warm, until the replacement has been ready for minReadySeconds', async () => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 20 } });
    await driver.until(() => isReady(newerOf(sim)));
    const readyMs = sim.clock.nowMs();
    await driver.until(() => sim.agents.commands.length > 0, 60_000);
    expect(sim.clock.nowMs() - readyMs).toBeGreaterThanOrEqual(20_000);
    expect(driver.events.map(({ reason }) => reason)).toContain('Warming');
    await overIn(sim, driver);
  });

  test('has as many beside each other as maxSurge says, and none away', async () => {
    const { sim, driver } = setUp({ strategy: { maxSurge: '50%', maxUnavailable: 0 } }, { nodes: 5 });
    let most = 0;
    let leastReady = 5;
    await driver.until(() => {
      most = Math.max(most, sim.pods().filter((pod) => detachedBy(pod) !== undefined).length);
      const ready = sim.pods().filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
      leastReady = Math.min(leastReady, new Set(ready.map(nodeNameOf)).size);
      return isOver(sim, 'r1');
    });
    expect({ most, leastReady }).toEqual({ most: 3, leastReady: 5 });
    await overIn(sim, driver);
  });

  test('goes on under a budget that has no pod to spare, once it has', async () => {
    const { sim, driver } = setUp();
    sim.budget({ selector: { matchLabels: { app: 'panelet-agent' } }, minAvailable: 2 });
    await driver.until(() => false, 30_000);
    expect(isDetached(sim)).toBe(false);
    expect(sim.restart('r1').status?.conditions?.[0]?.reason).toBe('DisruptionBudget');
  });

  test.each<[string, (sim: SimCluster) => void]>([
    [
      'names no label',
      (sim) => changeTarget(sim, (target) => ({ ...target, metadata: { ...target.metadata, annotations: {} } })),
    ],
    [
      'names a label that it does not select by',
      (sim) => sim.annotate({ 'panelet.dev/detach-label': 'panelet.dev/component' }),
    ],
    [
      'has a template whose pods hand sessions over otherwise',
      (sim) =>
        changeTarget(sim, (target) => ({
          ...target,
          spec: { ...target.spec, template: { metadata: { annotations: { 'panelet.dev/handover': '2' } } } },
        })),
    ],
  ])('is made one after the other where the DaemonSet %s', async (_what, spoil) => {
    const { sim, driver } = setUp({}, { surge: { admits: 0 } });
    spoil(sim);
    let seen = false;
    await driver.until(() => (seen ||= isDetached(sim)) || isOver(sim, 'r1'));
    expect(seen).toBe(false);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', sessions: { moved: 0, checkpointed: 6 } });
  });

  test('that may have nothing away, and nothing beside it either, says so', async () => {
    const { sim, driver } = setUp({ strategy: { maxUnavailable: 0 } });
    sim.annotate({ 'panelet.dev/detach-label': 'no' });
    await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 30_000);
    const { conditions } = sim.restart('r1').status ?? {};
    expect(conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({ status: 'True', reason: 'CannotSurge' });
    sim.annotate({ 'panelet.dev/detach-label': 'panelet.dev/in-daemonset' });
    await overIn(sim, driver);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
  });
});

describe('a replacement that does not come to serve beside the old pod', () => {
  test.each<[Replacement, string, string]>([
    ['crashing', 'CrashLoopBackOff', 'ReplacementStuck'],
    ['unpullable', 'ImagePullBackOff (Back-off pulling image "no/such")', 'ReplacementStuck'],
  ])(
    'because it is %s is told in the words of its kubelet at once, and after a minute the pod goes back',
    async (how, words, reason) => {
      const { sim, driver } = setUp({ failurePolicy: { maxFailedPods: 5 } });
      sim.replacement = how;
      await driver.until(() => sim.restart('r1').status?.phase === 'Stalled', 20_000);
      const startMs = sim.clock.nowMs();
      const { conditions } = sim.restart('r1').status ?? {};
      expect(conditions?.find(({ type }) => type === 'Stalled')?.message).toContain(words);
      await overIn(sim, driver);
      expect(sim.clock.nowMs() - startMs).toBeGreaterThan(50_000);
      const { phase, failures } = sim.restart('r1').status ?? {};
      expect({ phase, failures: failures?.map((failure) => failure.reason) }).toEqual({
        phase: 'Failed',
        failures: [reason],
      });
      expect(failures?.[0]?.message).toContain(words);
      expect(failures?.[0]?.message).toContain('nothing was drained');
      expect(warmEnds(driver)).toEqual(['stuck']);
      expect(sim.agents.commands).toEqual([]);
      expect(sim.deletes().size).toBe(0);
    },
  );

  test.each<Replacement>(['unschedulable', 'quota'])(
    'because of %s has its place made by the old pod, where one may be away',
    async (how) => {
      const { sim, driver } = setUp({ strategy: { warmTimeoutSeconds: 10 } });
      sim.replacement = how;
      await driver.until(() => sim.deletes().size === 1, 60_000);
      expect(driver.events.map(({ reason }) => reason)).toContain('NoRoom');
      sim.replacement = 'good';
      sim.schedule();
      await overIn(sim, driver);
      expect(sim.restart('r1').status).toMatchObject({
        phase: 'Succeeded',
        sessions: { lost: 0, moved: 3, checkpointed: 3 },
      });
      expect(warmEnds(driver)).toEqual(['alone', 'beside']);
    },
  );

  test.each<[Replacement, string]>([
    ['unschedulable', 'Insufficient cpu.'],
    ['quota', 'a quota may forbid it'],
  ])('because of %s has the pod go back where none may be away', async (how, words) => {
    const { sim, driver } = setUp({ strategy: { maxUnavailable: 0, warmTimeoutSeconds: 10 } });
    sim.replacement = how;
    await overIn(sim, driver);
    const { phase, failures } = sim.restart('r1').status ?? {};
    expect({ phase, reason: failures?.[0]?.reason }).toEqual({ phase: 'Failed', reason: 'NoRoom' });
    expect(warmEnds(driver)).toEqual(['noRoom']);
    expect(failures?.[0]?.message).toContain(words);
    expect(sim.deletes().size).toBe(0);
  });

  test('because it waits for the older one to go has that drained at once, where one may be away', async () => {
    const { sim, driver } = setUp();
    sim.replacement = 'waiting';
    await driver.until(() => isDetached(sim));
    const startMs = sim.clock.nowMs();
    await driver.until(() => sim.agents.commands.length > 0, 60_000);
    expect(sim.clock.nowMs() - startMs).toBeLessThan(20_000);
    const told = driver.events.find(({ reason }) => reason === 'NotBeside');
    expect(told?.text).toContain('It has the node to itself.');
    await overIn(sim, driver);
    expect(sim.restart('r1').status).toMatchObject({
      phase: 'Succeeded',
      sessions: { lost: 0, moved: 0, checkpointed: 6 },
    });
  });

  test('because it waits for the older one to go has that go back where none may be away', async () => {
    const { sim, driver } = setUp({ strategy: { maxUnavailable: 0 } });
    sim.replacement = 'waiting';
    await overIn(sim, driver);
    const { phase, failures } = sim.restart('r1').status ?? {};
    expect({ phase, reason: failures?.[0]?.reason }).toEqual({ phase: 'Failed', reason: 'CannotSurge' });
    expect(failures?.[0]?.message).toContain('It has the node to itself.');
    expect(sim.deletes().size).toBe(0);
  });

  test('because its DaemonSet wants none there any more: the pod is drained and deleted, at once', async () => {
    const { sim, driver } = setUp({}, { nodes: 1 });
    const uid = sim.pods()[0]!.metadata.uid!;
    await driver.until(() => isDetached(sim) || newerOf(sim) !== undefined);
    sim.replacement = 'unwanted';
    const [newer] = sim.pods().filter((pod) => pod.metadata.uid !== uid);
    if (newer !== undefined) sim.kill(newer);
    const startMs = sim.clock.nowMs();
    await driver.until(() => sim.deletes().has(uid), 60_000);
    expect(sim.deletes().has(uid)).toBe(true);
    expect(sim.clock.nowMs() - startMs).toBeLessThan(5_000);
    expect(sim.violations).toEqual([]);
  });

  test('because the node is down is NodeUnreachable', async () => {
    const { sim, driver } = setUp({ strategy: { warmTimeoutSeconds: 10 } }, { nodes: 1, startMs: 3_600_000 });
    await driver.until(() => isDetached(sim));
    sim.setNodeReady('node-0', false);
    expect(await driver.until(() => isFinished(sim.restart('r1')), 120_000)).toBe(true);
    expect(sim.restart('r1').status?.failures?.[0]?.reason).toBe('NodeUnreachable');
    // Whether the newer one has sessions is not known before.
    expect(isDetached(sim)).toBe(true);
    sim.setNodeReady('node-0', true);
    await overIn(sim, driver);
    expect(sim.agents.commands).toEqual([]);
  });

  test('after it has served is waited for, and the old pod serves meanwhile', async () => {
    const { sim, driver } = setUp({}, { nodes: 1, agent: { stateMs: 500 } });
    const old = sim.agentOf(sim.pods()[0]!);
    await driver.until(() => old.state === State.NOTIFIED);
    sim.kill(newerOf(sim)!);
    await driver.until(() => old.state === State.SERVING, 5_000);
    await driver.until(() => stepOf(sim) === 'Warm', 10_000);
    expect(stepOf(sim)).toBe('Warm');
    await overIn(sim, driver);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', sessions: { lost: 0, checkpointed: 0 } });
  });
});

describe('a restart that is called off while a replacement is beside its pod', () => {
  const ways: [string, (sim: SimCluster) => void][] = [
    ['aborted', (sim) => change(sim, { abort: true })],
    [
      'deleted',
      (sim) =>
        void sim.kube.delete(
          panelRestarts,
          { namespace: sim.target.namespace, name: 'r1' },
          { uid: sim.restart('r1').metadata.uid! },
        ),
    ],
    ['paused', (sim) => change(sim, { paused: true })],
  ];
  const isGone = (sim: SimCluster): boolean => sim.kube.all(panelRestarts).length === 0;
  const isDone = (sim: SimCluster): boolean =>
    isGone(sim) || isOver(sim, 'r1') || (sim.restart('r1').spec.paused === true && !isDetached(sim));

  test.each(ways)('%s before that serves: the pod goes back, and nothing is drained', async (_what, callOff) => {
    const { sim, driver } = setUp();
    await driver.until(() => newerOf(sim) !== undefined);
    callOff(sim);
    expect(await driver.until(() => isDone(sim), 60_000)).toBe(true);
    await driver.until(() => false, 2_000);
    expectTidy(sim);
    expect(sim.agents.commands).toEqual([]);
    expect(sim.deletes().size).toBe(0);
  });

  test.each(ways)('%s once that has sessions: they go to the old pod first', async (_what, callOff) => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 30 } });
    const old = sim.pods().map(({ metadata }) => metadata.uid);
    await driver.until(() => isReady(newerOf(sim)));
    await driver.until(() => false, 1_000);
    callOff(sim);
    expect(await driver.until(() => isDone(sim), 60_000)).toBe(true);
    await driver.until(() => false, 2_000);
    expectTidy(sim);
    expect(sim.pods().map(({ metadata }) => metadata.uid)).toEqual(old);
    expect(sim.agents.commands.map(({ name, podUid }) => [name, old.includes(podUid)])).toContainEqual([
      'drain',
      false,
    ]);
    expect(sim.agents.commands.some(({ name, podUid }) => name === 'drain' && old.includes(podUid))).toBe(false);
  });

  test.each(ways)(
    '%s once sessions have begun to move: this pod is finished, no other is begun',
    async (_what, callOff) => {
      const { sim, driver } = setUp({}, { agent: { stateMs: 200 } });
      const old = sim.pods()[0]!;
      await driver.until(() => sim.agentOf(old).state === State.NOTIFIED);
      callOff(sim);
      await driver.until(() => sim.deletes().size === 1, 60_000);
      expect([...sim.deletes().keys()]).toEqual([old.metadata.uid]);
      expect(await driver.until(() => isDone(sim), 60_000)).toBe(true);
      await driver.until(() => false, 2_000);
      expectTidy(sim);
      expect(sim.deletes().size).toBe(1);
    },
  );

  test('goes on, when it was only paused, as if nothing had been', async () => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 30 } });
    await driver.until(() => isReady(newerOf(sim)));
    change(sim, { paused: true });
    await driver.until(() => !isDetached(sim), 60_000);
    change(sim, { paused: false });
    await overIn(sim, driver);
    expect(sim.restart('r1').status).toMatchObject({ phase: 'Succeeded', sessions: { lost: 0 } });
  });

  test.each([0, 1_000])(
    'is superseded by a template that changes %i ms after the replacement was made',
    async (afterMs) => {
      const sim = createSimCluster({ nodes: 2, surge: {} });
      sim.annotate({ 'panelet.dev/rollout': 'managed' });
      sim.setTemplate('h2', 'crashing');
      const driver = createSimDriver(sim);
      await driver.until(() => newerOf(sim) !== undefined);
      await driver.until(() => false, afterMs);
      sim.setTemplate('h3');
      const phases = (): (string | undefined)[] => driver.restarts().map(({ status }) => status?.phase);
      expect(await driver.until(() => phases().join() === 'Superseded,Succeeded', 300_000)).toBe(true);
      await driver.until(() => false, 2_000);
      expectTidy(sim);
      expect(new Set(sim.pods().map(({ metadata }) => metadata.labels?.['controller-revision-hash']))).toEqual(
        new Set(['h3']),
      );
    },
  );

  test('whose DaemonSet is deleted lets its pods go as they are', async () => {
    const { sim, driver } = setUp();
    await driver.until(() => newerOf(sim) !== undefined);
    sim.kube.remove(daemonSets, sim.target);
    expect(await driver.until(() => isOver(sim, 'r1'), 60_000)).toBe(true);
    expect(sim.kube.all(pods).filter((pod) => claimOf(pod) !== undefined || detachedBy(pod) !== undefined)).toEqual([]);
    expect(sim.deletes().size).toBe(0);
  });
});

describe('a pod under way', () => {
  test('has no replacement in another one that was taken out of its DaemonSet', async () => {
    const { sim, driver } = setUp({}, { nodes: 1, startMs: 20_000 });
    await driver.until(() => isDetached(sim));
    const { namespace } = sim.target;
    const { metadata, spec, status } = sim.pods().find((pod) => detachedBy(pod) !== undefined)!;
    const labels = { ...metadata.labels, [detachedLabel]: 'another restart' };
    const ownerReferences = metadata.ownerReferences ?? [];
    // Of a restart that somebody has pointed at another DaemonSet, and younger.
    const elsewhere = {
      metadata: { namespace, name: 'other', uid: 'another restart' },
      spec: { targetRef: { name: 'x' } },
    };
    sim.kube.put<PanelRestart>(panelRestarts, elsewhere);
    sim.kube.put(pods, { metadata: { namespace, name: 'left', labels, ownerReferences }, spec, status } as Pod);
    await driver.until(() => false, 5_000);
    expect(sim.restart('r1').status?.active?.[0]?.replacement).not.toBe('left');
    expect(sim.agents.commands).toEqual([]);
  });

  test('that somebody evicts is none that was restarted without a loss', async () => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 30 } }, { nodes: 1 });
    await driver.until(() => isReady(newerOf(sim)));
    sim.kill(sim.pods().find((pod) => detachedBy(pod) !== undefined)!);
    await overIn(sim, driver);
    expect(driver.events.map(({ reason }) => reason)).toContain('KilledByOther');
  });

  test('whose claim somebody removed goes back', async () => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 30 } }, { nodes: 1 });
    await driver.until(() => isReady(newerOf(sim)));
    const old = sim.pods().find((pod) => detachedBy(pod) !== undefined)!;
    sim.kube.mutate(pods, old.metadata, (pod) => ({ ...pod, metadata: { ...pod.metadata, annotations: {} } }));
    await driver.until(() => !isDetached(sim), 60_000);
    expect(isDetached(sim)).toBe(false);
    expect(sim.violations).toEqual([]);
  });

  test('that has lost its owners is found by its claim', async () => {
    const { sim, driver } = setUp({ strategy: { minReadySeconds: 5 } }, { nodes: 1 });
    const uid = sim.pods()[0]!.metadata.uid!;
    await driver.until(() => isReady(newerOf(sim)));
    const old = sim.pods().find((pod) => pod.metadata.uid === uid)!;
    sim.kube.mutate(pods, old.metadata, (pod) => ({ ...pod, metadata: { ...pod.metadata, ownerReferences: [] } }));
    await overIn(sim, driver);
    expect([...sim.deletes().keys()]).toEqual([uid]);
    expect(sim.restart('r1').status?.phase).toBe('Succeeded');
  });
});

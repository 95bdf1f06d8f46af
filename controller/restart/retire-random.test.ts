import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { daemonSets, nodes, pods } from '#kube/api.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { isExhaustive } from '#test/support/exhaustive.js';
import { createSimCluster, type SimCluster } from '#test/support/controller/sim-cluster.js';
import { createSimDriver, isOver, type SimDriver } from '#test/support/controller/sim-controller.js';
import { retireAtAnnotation, retiringLabel } from './api/annotations.js';
import { isFinished, panelRestarts, type PanelRestart } from './api/panel-restart.js';
import { isRetiring, retireAtOf } from './api/retirement.js';

const hosts = 'panelet-host';
const uidOf = (pod: Pod): string => pod.metadata.uid ?? '';

interface Scene {
  readonly sim: SimCluster;
  readonly driver: SimDriver;
  count: number;
  /** When somebody changed a time last, in milliseconds of the clock. */
  changedMs: number;
  orphaned: DaemonSet | undefined;
}

const labelled = (sim: SimCluster, pod: Pod, label: 'true' | null): void => {
  sim.kube.mutate(pods, pod.metadata, (before) => {
    const labels = { ...before.metadata.labels };
    if (label === null) Reflect.deleteProperty(labels, retiringLabel);
    else labels[retiringLabel] = label;
    return { ...before, metadata: { ...before.metadata, labels } };
  });
};

function retireAt(scene: Scene, pod: Pod, text: string | undefined): void {
  scene.sim.kube.mutate(pods, pod.metadata, (before) => {
    const annotations = { ...before.metadata.annotations };
    if (text === undefined) Reflect.deleteProperty(annotations, retireAtAnnotation);
    else annotations[retireAtAnnotation] = text;
    return { ...before, metadata: { ...before.metadata, annotations } };
  });
  scene.changedMs = scene.sim.clock.nowMs();
}

const running = ({ sim }: Scene): PanelRestart[] =>
  sim.kube.all(panelRestarts).filter((restart) => !isFinished(restart));

function orphan({ sim }: Scene): DaemonSet | undefined {
  const set = sim.kube.all(daemonSets).find(({ metadata }) => metadata.name === hosts);
  if (set === undefined) return undefined;
  sim.kube.remove(daemonSets, set.metadata);
  for (const pod of sim.hostPods()) {
    const owners = pod.metadata.ownerReferences?.filter(({ kind }) => kind !== 'DaemonSet') ?? [];
    sim.kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      metadata: { ...before.metadata, ownerReferences: owners },
    }));
  }
  return set;
}

/** The DaemonSet is made anew, and its controller takes up what its selector finds. */
function makeAnew({ sim }: Scene, set: DaemonSet): void {
  sim.kube.put<DaemonSet>(daemonSets, set);
  for (const pod of sim.kube.all(pods)) {
    const { labels, ownerReferences = [] } = pod.metadata;
    const isFree = !ownerReferences.some(({ controller }) => controller === true);
    if (labels?.['app'] !== hosts || labels['panelet.dev/in-daemonset'] !== 'true' || !isFree) continue;
    const { name, uid = '' } = set.metadata;
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true };
    sim.kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      metadata: { ...before.metadata, ownerReferences: [owner] },
    }));
  }
}

type Deed = (scene: Scene, pick: number) => void;

const hostAt = ({ sim }: Scene, pick: number): Pod | undefined => sim.hostPods()[pick % (sim.hostPods().length || 1)];
const retiringAt = ({ sim }: Scene, pick: number): Pod | undefined => {
  const all = sim.hostPods().filter(isRetiring);
  return all[pick % (all.length || 1)];
};
const inMs = ({ sim }: Scene, ms: number): string => new Date(sim.clock.date().getTime() + ms).toISOString();

const deeds: Readonly<Record<string, Deed>> = {
  upgrade: (scene, pick) => {
    const drain = [
      {},
      { retireTimeoutSeconds: 120 },
      { retireTimeoutSeconds: 120, maxRetiring: 1 },
      { retireTimeoutSeconds: -1 },
    ];
    scene.sim.request(`r${(scene.count += 1)}`, {
      targetRef: { name: hosts },
      strategy: { warmTimeoutSeconds: 10, ...(pick % 3 === 0 ? { maxSurge: 2 } : {}) },
      drain: { timeoutSeconds: 10, ...drain[pick % drain.length] },
    });
  },
  abort: (scene) => {
    for (const { metadata } of running(scene).slice(0, 1))
      scene.sim.kube.mutate(panelRestarts, metadata, (one) => ({ ...one, spec: { ...one.spec, abort: true } }));
  },
  delete: (scene, pick) => {
    const all = scene.sim.kube.all(panelRestarts);
    const one = all[pick % (all.length || 1)];
    if (one === undefined) return;
    if ((one.metadata.finalizers ?? []).length === 0) scene.sim.kube.remove(panelRestarts, one.metadata);
    else {
      const deletionTimestamp = scene.sim.clock.date().toISOString();
      scene.sim.kube.mutate(panelRestarts, one.metadata, (before) => ({
        ...before,
        metadata: { ...before.metadata, deletionTimestamp },
      }));
    }
  },
  sooner: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod !== undefined) retireAt(scene, pod, inMs(scene, 10_000));
  },
  past: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod !== undefined) retireAt(scene, pod, inMs(scene, -10_000));
  },
  later: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod !== undefined) retireAt(scene, pod, inMs(scene, 3_600_000));
  },
  garbage: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod !== undefined) retireAt(scene, pod, ['tomorrow', 'never', '', undefined][pick % 4]);
  },
  shells: (scene, pick) => {
    const pod = hostAt(scene, pick);
    const host = pod && scene.sim.agents.hostOf(uidOf(pod));
    if (host !== undefined) host.options.stuck = 0;
  },
  evict: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod === undefined) return;
    scene.sim.agents.removeHost(uidOf(pod));
    scene.sim.kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      status: { ...before.status, phase: 'Failed' },
    }));
  },
  kill: (scene, pick) => {
    const pod = hostAt(scene, pick);
    if (pod !== undefined && pod.metadata.deletionTimestamp === undefined) scene.sim.kill(pod);
  },
  down: ({ sim }, pick) => sim.setNodeReady(`node-${pick % 2}`, false),
  up: ({ sim }, pick) => sim.setNodeReady(`node-${pick % 2}`, true),
  label: (scene, pick) => {
    const pod = hostAt(scene, pick);
    if (pod !== undefined) labelled(scene.sim, pod, 'true');
  },
  unlabel: (scene, pick) => {
    const pod = retiringAt(scene, pick);
    if (pod !== undefined) labelled(scene.sim, pod, null);
  },
  orphan: (scene) => {
    scene.orphaned ??= orphan(scene);
  },
  anew: (scene) => {
    if (scene.orphaned !== undefined) makeAnew(scene, scene.orphaned);
    scene.orphaned = undefined;
  },
  leader: ({ driver }) => driver.replace(),
  away: ({ driver }, pick) => driver.away((pick % 5) * 60_000),
  agent: ({ sim }, pick) => {
    const all = [...sim.agents.byAddress.values()];
    all[pick % (all.length || 1)]?.crash();
  },
  newAgent: ({ sim }, pick) => {
    const pod = sim.pods()[pick % (sim.pods().length || 1)];
    if (pod !== undefined && pod.metadata.deletionTimestamp === undefined) sim.kill(pod);
  },
  broken: ({ sim }) => void (sim.replacement = 'crashing'),
  quota: ({ sim }) => void (sim.replacement = 'quota'),
  whole: ({ sim }) => void (sim.replacement = 'good'),
};

const hostPodsOf = (sim: SimCluster): Pod[] =>
  sim.kube.all(pods).filter(({ metadata }) => metadata.labels?.['app'] === hosts);

/** Says where sessions have ended before their time although somebody could have been told of it. */
function watchTimes(scene: Scene): () => boolean {
  const { sim } = scene;
  const ended = new Map<string, number>();
  return () => {
    const answering = [...sim.agents.byAddress.values()].filter(({ reachable }) => reachable).map(({ node }) => node);
    const isUp = sim.kube.all(nodes).every(({ status }) => status?.conditions?.[0]?.status === 'True');
    // Where nobody answers, nobody is told of another time.
    if (!isUp || new Set(answering).size < 2) scene.changedMs = sim.clock.nowMs();
    for (const pod of sim.hostPods()) {
      const host = sim.agents.hostOf(uidOf(pod));
      if (host === undefined || host.ended === (ended.get(uidOf(pod)) ?? 0)) continue;
      ended.set(uidOf(pod), host.ended);
      const until = retireAtOf(pod);
      const isInTime = until.kind === 'at' && until.ms <= sim.clock.date().getTime() + 1_000;
      if (!isInTime && sim.clock.nowMs() - scene.changedMs > 60_000)
        sim.violations.push(`${pod.metadata.name}: sessions ended before their time`);
    }
    return false;
  };
}

async function run(schedule: readonly (readonly [string, number, number])[]): Promise<Scene> {
  const sim = createSimCluster({ nodes: 2, surge: {}, host: { kept: 0, stuck: 2 } });
  const driver = createSimDriver(sim);
  const scene: Scene = { sim, driver, count: 0, changedMs: -Infinity, orphaned: undefined };
  const look = watchTimes(scene);
  for (const [name, pick, waitMs] of schedule) {
    deeds[name]?.(scene, pick);
    await driver.until(look, waitMs);
  }
  return scene;
}

async function settle(scene: Scene): Promise<void> {
  const { sim, driver } = scene;
  deeds['anew']?.(scene, 0);
  sim.replacement = 'good';
  for (const node of ['node-0', 'node-1']) sim.setNodeReady(node, true);
  sim.schedule();
  const isQuiet = (): boolean => sim.kube.all(panelRestarts).every(({ metadata }) => isOver(sim, metadata.name));
  await driver.until(() => {
    for (const pod of hostPodsOf(sim)) {
      const host = sim.agents.hostOf(uidOf(pod));
      if (host !== undefined) host.options.stuck = 0;
    }
    return isQuiet() && hostPodsOf(sim).length === 2;
  }, 3_600_000);
  await driver.until(() => false, 120_000);
}

/** Where a pod is, and what is written at it about restarts. */
function marksOf({ metadata: { labels, annotations }, spec }: Pod): string {
  const written = [...Object.keys(labels ?? {}), ...Object.keys(annotations ?? {})];
  const marks = written.filter((key) => key.startsWith('panelet.dev/') && key !== 'panelet.dev/handover');
  return `${spec?.nodeName ?? ''}: ${marks.join(', ')}`;
}

const deed = fc.tuple(
  fc.constantFrom(...Object.keys(deeds), 'upgrade', 'upgrade', 'upgrade'),
  fc.nat(11),
  fc.constantFrom(0, 100, 1_000, 5_000, 30_000, 120_000),
);

test('whatever happens, in whatever order: each host goes after its own receipt, and none stays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 3, maxLength: 14 }), async (schedule) => {
      const scene = await run(schedule);
      await settle(scene);
      const { sim } = scene;
      expect(sim.violations).toEqual([]);
      expect(hostPodsOf(sim).map(marksOf).sort()).toEqual([
        'node-0: panelet.dev/in-daemonset',
        'node-1: panelet.dev/in-daemonset',
      ]);
      const restarts = sim.kube.all(panelRestarts).filter(({ metadata }) => !isOver(sim, metadata.name));
      expect(restarts.map(({ metadata, status }) => [metadata.name, status?.phase, status?.active])).toEqual([]);
    }),
    { numRuns: isExhaustive ? 100 : 10, seed: 5 },
  );
}, 900_000);

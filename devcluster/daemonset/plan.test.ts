import { describe, expect, test } from '@jest/globals';
import type { Node } from '../launcher/node.js';
import type { StoredPod, PodStatus } from '../launcher/pod.js';
import type { StoredDaemonSet, DaemonSetSpec } from './daemon-set.js';
import { planDaemonSet, type DaemonSetView } from './plan.js';

const nowMs = Date.parse('2026-01-01T00:01:00Z');

function node(name: string, options: { labels?: Record<string, string>; spec?: Node['spec'] } = {}): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: options.labels ?? {} }, spec: options.spec ?? {} };
}

function set(spec: Partial<DaemonSetSpec> = {}): StoredDaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'ns', uid: 'set', generation: 3 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { spec: { containers: [] } },
      updateStrategy: { type: 'OnDelete' },
      ...spec,
    },
  };
}

interface PodOptions {
  readonly hash?: string;
  readonly ready?: boolean;
  readonly since?: string;
  readonly phase?: NonNullable<PodStatus['phase']>;
  readonly deleting?: boolean;
}

function pod(name: string, nodeName: string, options: PodOptions = {}): StoredPod {
  const status = options.ready === false ? 'False' : 'True';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: name,
      labels: { 'controller-revision-hash': options.hash ?? 'new' },
      ...(options.deleting === true ? { deletionTimestamp: '2026-01-01T00:00:30Z' } : {}),
    },
    spec: { nodeName, containers: [] },
    status: {
      phase: options.phase ?? 'Running',
      conditions: [{ type: 'Ready', status, lastTransitionTime: options.since ?? '2026-01-01T00:00:00Z' }],
    },
  };
}

function view(parts: Partial<DaemonSetView>): DaemonSetView {
  return { set: set(), nodes: [node('a'), node('b')], pods: [], hash: 'new', nowMs, ...parts };
}

const removedNames = (plan: ReturnType<typeof planDaemonSet>): string[] =>
  plan.remove.map((entry) => entry.pod.metadata.name);

describe('plan of a DaemonSet', () => {
  test('asks for one pod on each node', () => {
    const plan = planDaemonSet(view({}));
    expect(plan.create).toEqual(['a', 'b']);
    expect(plan.status).toEqual({
      currentNumberScheduled: 0,
      desiredNumberScheduled: 2,
      numberMisscheduled: 0,
      numberReady: 0,
      numberUnavailable: 2,
      observedGeneration: 3,
    });
  });

  test('keeps to the node selector and removes a pod from a node that no longer matches', () => {
    const template = { spec: { containers: [], nodeSelector: { disk: 'fast' } } };
    const nodes = [node('a', { labels: { disk: 'fast' } }), node('b')];
    const plan = planDaemonSet(view({ set: set({ template }), nodes, pods: [pod('old', 'b')] }));
    expect(plan.create).toEqual(['a']);
    expect(plan.remove).toMatchObject([{ why: 'misscheduled', pod: { metadata: { name: 'old' } } }]);
    expect(plan.status.numberMisscheduled).toBe(1);
  });

  test('keeps off a tainted node, but stays on one where nothing new may be scheduled', () => {
    const taint = { key: 'dedicated', value: 'x', effect: 'NoSchedule' as const };
    const nodes = [node('a', { spec: { taints: [taint] } }), node('b', { spec: { taints: [taint] } })];
    const plan = planDaemonSet(view({ nodes, pods: [pod('stays', 'b')] }));
    expect(plan.create).toEqual([]);
    expect(plan.remove).toEqual([]);
  });

  test('runs on a node that is cordoned', () => {
    const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const };
    const plan = planDaemonSet(view({ nodes: [node('a', { spec: { unschedulable: true, taints: [taint] } })] }));
    expect(plan.create).toEqual(['a']);
  });

  test('waits for a pod that is being deleted until it has ended, whatever still holds its object', () => {
    const going = planDaemonSet(view({ nodes: [node('a')], pods: [pod('p', 'a', { deleting: true })] }));
    expect(going.create).toEqual([]);
    const ended = planDaemonSet(
      view({ nodes: [node('a')], pods: [pod('p', 'a', { deleting: true, phase: 'Succeeded' })] }),
    );
    expect(ended.create).toEqual(['a']);
  });

  test('leaves outdated pods alone under OnDelete and counts them', () => {
    const plan = planDaemonSet(view({ pods: [pod('old', 'a', { hash: 'old' }), pod('new', 'b')] }));
    expect(plan.remove).toEqual([]);
    expect(plan.status.updatedNumberScheduled).toBe(1);
    expect(plan.status.numberAvailable).toBe(2);
  });

  test('leaves updatedNumberScheduled out when it is 0', () => {
    const plan = planDaemonSet(view({ nodes: [node('a')], pods: [pod('old', 'a', { hash: 'old' })] }));
    expect(plan.status).not.toHaveProperty('updatedNumberScheduled');
  });

  test('replaces outdated pods within maxUnavailable under RollingUpdate', () => {
    const rolling = set({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } });
    const pods = [pod('a1', 'a', { hash: 'old' }), pod('b1', 'b', { hash: 'old' })];
    expect(removedNames(planDaemonSet(view({ set: rolling, pods })))).toEqual(['a1']);
    const during = [pod('a2', 'a', { ready: false }), pod('b1', 'b', { hash: 'old' })];
    expect(removedNames(planDaemonSet(view({ set: rolling, pods: during })))).toEqual([]);
  });

  test('replaces an outdated pod that is not ready at once', () => {
    const rolling = set({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } });
    const pods = [pod('a1', 'a', { hash: 'old', ready: false }), pod('b1', 'b', { hash: 'old', ready: false })];
    expect(removedNames(planDaemonSet(view({ set: rolling, pods })))).toEqual(['a1', 'b1']);
  });

  test('takes a share of the nodes as maxUnavailable, rounded up', () => {
    const rolling = set({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '50%' } } });
    const nodes = ['a', 'b', 'c'].map((name) => node(name));
    const pods = nodes.map((each) => pod(each.metadata.name, each.metadata.name, { hash: 'old' }));
    expect(removedNames(planDaemonSet(view({ set: rolling, nodes, pods })))).toEqual(['a', 'b']);
  });

  test('replaces a pod that has failed, and removes a second one', () => {
    const pods = [pod('failed', 'a', { phase: 'Failed' }), pod('b1', 'b'), pod('b2', 'b')];
    expect(planDaemonSet(view({ pods })).remove.map(({ why }) => why)).toEqual(['ended', 'excess']);
  });

  test('of two pods of a node removes the one that waits for room, else the newer one, else the later in name', () => {
    const born = (each: StoredPod, creationTimestamp: string): StoredPod => ({
      ...each,
      metadata: { ...each.metadata, creationTimestamp },
    });
    const waiting = pod('old', '', { phase: 'Pending', ready: false });
    const values = ['a'];
    const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }];
    waiting.spec = {
      containers: [],
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
      },
    };
    const removedOf = (...pods: StoredPod[]): string[] =>
      removedNames(planDaemonSet(view({ nodes: [node('a')], pods })));
    const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'];
    expect(removedOf(born(waiting, early), born(pod('new', 'a'), late))).toEqual(['old']);
    expect(removedOf(born(pod('a', 'a'), late), born(pod('b', 'a'), early))).toEqual(['a']);
    expect(removedOf(born(pod('b', 'a'), early), born(pod('a', 'a'), early))).toEqual(['b']);
    expect(planDaemonSet(view({ nodes: [node('a')], pods: [waiting] })).create).toEqual([]);
  });

  test('counts a pod as available only after minReadySeconds, and says when to look again', () => {
    const slow = set({ minReadySeconds: 90 });
    const plan = planDaemonSet(view({ set: slow, nodes: [node('a')], pods: [pod('p', 'a')] }));
    expect(plan.status).toMatchObject({ numberReady: 1, numberUnavailable: 1 });
    expect(plan.againMs).toBe(30_000);
  });
});

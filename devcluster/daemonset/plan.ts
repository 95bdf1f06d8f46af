import { nodeNameOf, placeOn } from '#common/daemon-placement.js';
import { isTerminal, podCondition, type StoredPod } from '../launcher/pod.js';
import type { Node } from '../launcher/node.js';
import { compareText } from '../store/compare-text.js';
import { revisionLabel, type StoredDaemonSet, type DaemonSetStatus } from './daemon-set.js';

/** What a reconcile looks at. */
export interface DaemonSetView {
  readonly set: StoredDaemonSet;
  readonly nodes: readonly Node[];
  /** Pods that the set owns. */
  readonly pods: readonly StoredPod[];
  /** Hash of the template as it is now. */
  readonly hash: string;
  readonly nowMs: number;
}

/** What a reconcile does. */
export interface DaemonSetPlan {
  /** Nodes that get a pod. */
  readonly create: readonly string[];
  /** Pods that go, with the reason. */
  readonly remove: readonly {
    readonly pod: StoredPod;
    readonly why: 'misscheduled' | 'ended' | 'excess' | 'outdated';
  }[];
  readonly status: DaemonSetStatus;
  /** Milliseconds after which the status changes by time alone: a pod has been ready for minReadySeconds. */
  readonly againMs?: number;
}

interface NodePods {
  readonly node: Node;
  readonly shouldRun: boolean;
  readonly shouldContinue: boolean;
  /** Pods of the node but those that are over and being deleted: their place is free. */
  readonly pods: readonly StoredPod[];
}

function isReady(pod: StoredPod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

function availableInMs(view: DaemonSetView, pod: StoredPod): number {
  if (!isReady(pod)) return Infinity;
  const since = Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? '');
  const minReadyMs = (view.set.spec.minReadySeconds ?? 0) * 1000;
  return minReadyMs === 0 || Number.isNaN(since) ? 0 : Math.max(0, since + minReadyMs - view.nowMs);
}

function isUpdated(view: DaemonSetView, pod: StoredPod): boolean {
  return pod.metadata.labels?.[revisionLabel] === view.hash;
}

/** Those that have a node first, then the oldest, then by name, as the controller of Kubernetes sorts pods of a node. */
function compareAge(a: StoredPod, b: StoredPod): number {
  const waits = (pod: StoredPod): number => Number((pod.spec.nodeName ?? '') === '');
  return (
    waits(a) - waits(b) ||
    compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

function byNode(view: DaemonSetView): NodePods[] {
  return view.nodes.map((node) => ({
    node,
    ...placeOn(node, view.set.spec.template.spec),
    pods: view.pods
      .filter((pod) => nodeNameOf(pod) === node.metadata.name)
      .filter((pod) => pod.metadata.deletionTimestamp === undefined || !isTerminal(pod))
      .sort(compareAge),
  }));
}

function limitOf(value: number | string | undefined, total: number): number {
  if (typeof value === 'string' && value.endsWith('%')) return Math.ceil((Number.parseInt(value, 10) / 100) * total);
  return value === undefined ? 1 : Number(value);
}

function rollingUpdates(view: DaemonSetView, places: readonly NodePods[]): StoredPod[] {
  const strategy = view.set.spec.updateStrategy;
  if ((strategy?.type ?? 'RollingUpdate') !== 'RollingUpdate') return [];
  const wanted = places.filter((place) => place.shouldRun);
  const limit = Math.max(1, limitOf(strategy?.rollingUpdate?.maxUnavailable, wanted.length));
  let unavailable = 0;
  const brokenOnes: StoredPod[] = [];
  const workingOnes: StoredPod[] = [];
  for (const { pods } of wanted) {
    const pod = pods.find((candidate) => candidate.metadata.deletionTimestamp === undefined);
    const available = pod !== undefined && availableInMs(view, pod) === 0;
    if (!available) unavailable += 1;
    if (pod !== undefined && !isUpdated(view, pod)) (available ? workingOnes : brokenOnes).push(pod);
  }
  // A pod of the old template that serves nobody may go at once; others only within the limit.
  return [...brokenOnes, ...workingOnes.slice(0, Math.max(0, limit - unavailable))];
}

function countStatus(view: DaemonSetView, places: readonly NodePods[]): DaemonSetStatus {
  const wanted = places.filter((place) => place.shouldRun);
  const running = wanted.flatMap((place) => {
    // The oldest stands for its node, as in the controller of Kubernetes.
    const pod = place.pods.find((candidate) => candidate.metadata.deletionTimestamp === undefined) ?? place.pods[0];
    return pod === undefined ? [] : [pod];
  });
  const available = running.filter((pod) => availableInMs(view, pod) === 0).length;
  const updated = running.filter((pod) => isUpdated(view, pod)).length;
  const unavailable = wanted.length - available;
  return {
    currentNumberScheduled: running.length,
    desiredNumberScheduled: wanted.length,
    numberMisscheduled: places.filter((place) => !place.shouldRun && place.pods.length > 0).length,
    numberReady: running.filter(isReady).length,
    // Zero is left out by Kubernetes.
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
    ...(view.set.metadata.generation === undefined ? {} : { observedGeneration: view.set.metadata.generation }),
  };
}

/** Derives what a DaemonSet needs now: pure, so that every case is a test without a cluster. */
export function planDaemonSet(view: DaemonSetView): DaemonSetPlan {
  const places = byNode(view);
  const create = places
    .filter((place) => place.shouldRun && place.pods.length === 0)
    .map(({ node }) => node.metadata.name);
  const remove: { pod: StoredPod; why: 'misscheduled' | 'ended' | 'excess' | 'outdated' }[] = [];
  for (const place of places) {
    const live = place.pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    const [, ...excess] = live.filter((pod) => !isTerminal(pod));
    if (!place.shouldContinue) remove.push(...live.map((pod) => ({ pod, why: 'misscheduled' as const })));
    else {
      remove.push(...live.filter(isTerminal).map((pod) => ({ pod, why: 'ended' as const })));
      remove.push(...excess.map((pod) => ({ pod, why: 'excess' as const })));
    }
  }
  const going = new Set(remove.map(({ pod }) => pod));
  const outdated = rollingUpdates(view, places).filter((pod) => !going.has(pod));
  remove.push(...outdated.map((pod) => ({ pod, why: 'outdated' as const })));
  const waits = view.pods.map((pod) => availableInMs(view, pod)).filter((waitMs) => waitMs > 0 && waitMs !== Infinity);
  return {
    create,
    remove,
    status: countStatus(view, places),
    ...(waits.length === 0 ? {} : { againMs: Math.min(...waits) }),
  };
}

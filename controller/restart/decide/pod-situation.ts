import type { KubeNode, Pod, PodDisruptionBudget } from '#kube/objects.js';
import type { Claim } from '../api/annotations.js';
import { neverRan, withoutWorkers } from '../api/events.js';
import type { ActivePod } from '../api/panel-restart.js';
import type { Settings } from '../api/settings.js';
import { budgetsOf } from '../facts/budgets.js';
import { hasNeverRun } from '../facts/containers.js';
import { isNodeDown, isPodReady, isTerminating, uidOf } from '../facts/pods.js';
import { viewOf, without } from './pod-outcome.js';
import type { GateView, Snapshot } from './snapshot.js';

/** What is known of one pod that a restart has claimed and not killed yet. */
export interface PodSituation {
  readonly uid: string;
  readonly pod: Pod;
  /** Its entry in the status, or the one it begins with. */
  readonly entry: ActivePod;
  /** What its gate says; undefined while it has not been asked. */
  readonly view: GateView | undefined;
  /** True when the pod has a gate of its own, not one that answers for others too. */
  readonly hasOwnGate: boolean;
  /** The budgets that have their say about it. */
  readonly budgets: readonly PodDisruptionBudget[];
  readonly node: KubeNode | undefined;
  /** True when no container of it has ever run, as far as its node, which is up, can tell. */
  readonly isLifeless: boolean;
  readonly settings: Settings;
  /** Wall-clock time. */
  readonly now: Date;
  /** Milliseconds until the deadline of the claim; below 0 once it has passed. */
  readonly leftMs: number;
  /** How long this leader has watched the claim, in monotonic milliseconds. */
  readonly watchedMs: number;
  readonly restartUid: string;
  /** Fencing number of this leader. */
  readonly fencing: number;
  /** The highest number that it may be raised to now. */
  readonly fencingLimit: number;
}

/** Gathers what is known of a pod that this restart has claimed. */
export function situationOf(
  snapshot: Snapshot,
  settings: Settings,
  { pod, entry, claim }: { readonly pod: Pod; readonly entry: ActivePod; readonly claim: Claim },
): PodSituation {
  const uid = uidOf(pod);
  return {
    uid,
    pod,
    entry,
    view: viewOf(snapshot, pod),
    hasOwnGate: snapshot.gateProviders === undefined,
    budgets: budgetsOf(snapshot.budgets, pod),
    node: snapshot.nodes.get(pod.spec?.nodeName ?? ''),
    isLifeless: isLifeless(snapshot, pod),
    settings,
    now: snapshot.now,
    leftMs: Date.parse(claim.deadline) - snapshot.now.getTime(),
    watchedMs: snapshot.watchedMs(watchedNameOf(pod, claim)),
    restartUid: uidOf(snapshot.restart),
    fencing: snapshot.fencing,
    fencingLimit: snapshot.fencingLimit,
  };
}

/** The entry of a pod under way: what is on record of it, or a first one. */
export function entryOf(snapshot: Snapshot, pod: Pod, claim: Claim | undefined): ActivePod {
  const uid = uidOf(pod);
  const known = snapshot.restart.status?.active?.find((entry) => entry.uid === uid);
  const entry: ActivePod = {
    pod: pod.metadata.name,
    uid,
    step: claim?.surge === 'warm' ? 'Warm' : 'Cordoned',
    since: snapshot.now.toISOString(),
    ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...known,
    ...(claim === undefined ? {} : { deadline: claim.deadline }),
    ...(claim?.surge === undefined ? {} : { surge: claim.surge }),
  };
  // It has come to life after all: what was said of it then is void.
  const said = entry.receipt?.withoutReceipt;
  const isAlive = said === neverRan ? !isLifeless(snapshot, pod) : said === withoutWorkers && hasWorkers(snapshot, pod);
  const isVoid = isAlive && !isTerminating(pod);
  return isVoid ? without(entry, 'receipt') : entry;
}

/** What is watched when a pod is: the claim on it, which is another one at each stage of a pod that was taken out of its DaemonSet. */
export function watchedNameOf(pod: Pod, claim: Claim | undefined): string {
  const surge = claim?.surge;
  return surge === undefined ? uidOf(pod) : `${uidOf(pod)}/${surge}`;
}

function hasWorkers(snapshot: Snapshot, pod: Pod): boolean {
  return isPodReady(pod) || viewOf(snapshot, pod)?.kind === 'answered';
}

function isLifeless(snapshot: Snapshot, pod: Pod): boolean {
  return hasNeverRun(pod) && !isNodeDown(snapshot.nodes.get(pod.spec?.nodeName ?? ''));
}

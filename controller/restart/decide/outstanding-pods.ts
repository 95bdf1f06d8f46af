import type { KubeNode, Pod } from '#kube/objects.js';
import { claimOf } from '../api/annotations.js';
import { createdMs, isPodReady, isTerminating, matchesSelector, uidOf } from '../facts/pods.js';
import { rolloutOf, templateHashOf } from '../facts/revisions.js';
import type { PanelRestart } from '../api/panel-restart.js';

/** What a plan is made from. */
export interface PlanInput {
  readonly restart: PanelRestart;
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlyMap<string, KubeNode>;
}

/** `status.active` holds no more. */
export const maxActivePods = 50;

function isSelected({ restart, nodes }: PlanInput, pod: Pod): boolean {
  const { podSelector, nodeSelector } = restart.spec;
  if (!matchesSelector(pod.metadata.labels, podSelector)) return false;
  if (nodeSelector === undefined) return true;
  const node = nodes.get(pod.spec?.nodeName ?? '');
  return node !== undefined && matchesSelector(node.metadata.labels, { matchLabels: nodeSelector });
}

/** True when a restart names pods by selectors and the target has none of those, old or new. */
export function selectsNothing(input: PlanInput): boolean {
  const { podSelector, nodeSelector } = input.restart.spec;
  if (podSelector === undefined && nodeSelector === undefined) return false;
  return !input.pods.some((pod) => isSelected(input, pod));
}

/**
 * Pods that are still to be restarted and not claimed by this restart, in order: those that are not ready first (they cost nobody
 * anything), then by node and name. Whatever was created after the request has already taken up what it was for, and
 * whatever has the template that is rolled out needs no restart.
 */
export function outstandingPods(input: PlanInput): Pod[] {
  const { restart, pods } = input;
  const failed = new Set((restart.status?.failures ?? []).map(({ uid }) => uid));
  const requestedMs = createdMs(restart);
  const rollout = rolloutOf(restart);
  const chosen = pods.filter(
    (pod) =>
      !isTerminating(pod) &&
      pod.status?.phase !== 'Succeeded' &&
      pod.status?.phase !== 'Failed' &&
      createdMs(pod) <= requestedMs &&
      (rollout === undefined || templateHashOf(pod) !== rollout.hash) &&
      !failed.has(uidOf(pod)) &&
      claimOf(pod)?.restart !== uidOf(restart) &&
      isSelected(input, pod),
  );
  const rank = (pod: Pod): string => `${isPodReady(pod) ? '1' : '0'} ${pod.spec?.nodeName ?? ''} ${pod.metadata.name}`;
  return chosen.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** How many pods may be away at once: at least 1, at most {@link maxActivePods}. */
export function maxUnavailableOf(value: number | string, total: number): number {
  const number = typeof value === 'number' ? value : (total * Number.parseInt(value, 10)) / 100;
  const whole = Number.isFinite(number) ? Math.floor(number) : 1;
  return Math.min(maxActivePods, Math.max(1, whole));
}

/** How many more pods may be started, and which ones take the room away. */
export interface PodRoom {
  readonly count: number;
  /** Pods that are not ready and neither under way nor to be restarted. */
  readonly away: readonly Pod[];
}

/**
 * What `maxUnavailable` leaves room for beside the pods under way and those that are away for other reasons. A pod that
 * is to be restarted and not ready is already away; starting it takes its own place.
 */
export function roomFor(input: PlanInput, maxUnavailable: number | string, underWay: ReadonlySet<string>): PodRoom {
  const chosen = new Set(outstandingPods(input).map(uidOf));
  const failed = new Set((input.restart.status?.failures ?? []).map(({ uid }) => uid));
  const nodesUnderWay = new Set(
    (input.restart.status?.active ?? []).map(({ node }) => node).filter((node) => node !== undefined),
  );
  const away = input.pods.filter((pod) => {
    const uid = uidOf(pod);
    const otherwise = !isPodReady(pod) && !underWay.has(uid) && !chosen.has(uid) && !failed.has(uid);
    return otherwise && !nodesUnderWay.has(pod.spec?.nodeName ?? '');
  });
  const count = maxUnavailableOf(maxUnavailable, input.pods.length) - underWay.size - away.length;
  return { count: Math.max(0, count), away };
}

import type { KubeNode, Pod } from '../kube/objects.js';
import { claimOf } from './annotations.js';
import { createdMs, isPodReady, isTerminating, matchesSelector, uidOf } from './pod-facts.js';
import type { PanelRestart } from './types.js';

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

/**
 * Pods that are still to be restarted and not claimed by this restart, in order: those that are not ready first (they cost nobody
 * anything), then by node and name. Whatever was created after the request has already taken up what it was for.
 */
export function outstandingPods(input: PlanInput): Pod[] {
  const { restart, pods } = input;
  const failed = new Set((restart.status?.failures ?? []).map(({ uid }) => uid));
  const requestedMs = createdMs(restart);
  const chosen = pods.filter(
    (pod) =>
      !isTerminating(pod) &&
      pod.status?.phase !== 'Succeeded' &&
      pod.status?.phase !== 'Failed' &&
      createdMs(pod) <= requestedMs &&
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

/**
 * Pods to start now: as many as `maxUnavailable` leaves room for beside those under way and those that are away for
 * other reasons. A pod that is to be restarted and not ready is already away; starting it takes its own place.
 */
export function podsToStart(input: PlanInput, maxUnavailable: number | string, underWay: ReadonlySet<string>): Pod[] {
  const outstanding = outstandingPods(input);
  const chosen = new Set(outstanding.map(uidOf));
  const failed = new Set((input.restart.status?.failures ?? []).map(({ uid }) => uid));
  const awayOtherwise = input.pods.filter((pod) => {
    const uid = uidOf(pod);
    return !isPodReady(pod) && !underWay.has(uid) && !chosen.has(uid) && !failed.has(uid);
  });
  const nodesUnderWay = new Set(
    (input.restart.status?.active ?? []).map(({ node }) => node).filter((node) => node !== undefined),
  );
  const others = awayOtherwise.filter((pod) => !nodesUnderWay.has(pod.spec?.nodeName ?? ''));
  const room = maxUnavailableOf(maxUnavailable, input.pods.length) - underWay.size - others.length;
  return outstanding.slice(0, Math.max(0, room));
}

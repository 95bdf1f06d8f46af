import { nodeNameOf } from '#common/daemon-placement.js';
import type { KubeNode, Pod } from '#kube/objects.js';
import { claimOf } from '../api/annotations.js';
import { createdMs, isPodReady, isTerminating, matchesSelector, uidOf } from '../facts/pods.js';
import { rolloutOf, templateHashOf } from '../facts/revisions.js';
import type { PanelRestart } from '../api/panel-restart.js';
import type { TargetPods } from '../facts/target-pods.js';

/** What says which pods a restart is for. */
export interface Selection {
  readonly restart: PanelRestart;
  readonly nodes: Pick<ReadonlyMap<string, KubeNode>, 'get'>;
}

/** What a plan is made from. */
export interface PlanInput extends Selection {
  readonly pods: TargetPods;
  /** As {@link outstandingPods} has them. */
  readonly outstanding: readonly Pod[];
}

/** `status.active` holds no more. */
export const maxActivePods = 50;

function isSelected({ restart, nodes }: Selection, pod: Pod): boolean {
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
  return !input.pods.all.some((pod) => isSelected(input, pod));
}

/**
 * Whether a pod is still to be restarted and not claimed by this restart. Whatever was created after the request has already taken up
 * what it was for, and whatever has the template that is rolled out needs no restart.
 */
export function isOutstanding(selection: Selection, pod: Pod): boolean {
  const { restart } = selection;
  const rollout = rolloutOf(restart);
  return (
    !isTerminating(pod) &&
    pod.status?.phase !== 'Succeeded' &&
    pod.status?.phase !== 'Failed' &&
    createdMs(pod) <= createdMs(restart) &&
    (rollout === undefined || templateHashOf(pod) !== rollout.hash) &&
    !hasFailed(restart, pod) &&
    claimOf(pod)?.restart !== uidOf(restart) &&
    isSelected(selection, pod)
  );
}

/** Pods that are still to be restarted, in order: those that are not ready first (they cost nobody anything), then by node and name. */
export function outstandingPods(selection: Selection, pods: readonly Pod[]): Pod[] {
  return pods.filter((pod) => isOutstanding(selection, pod)).sort(compareTurns);
}

/** Whose turn comes first. */
export function compareTurns(a: Pod, b: Pod): number {
  return (
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    compareText(a.spec?.nodeName ?? '', b.spec?.nodeName ?? '') ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function hasFailed({ status }: PanelRestart, pod: Pod): boolean {
  return status?.failures?.some(({ uid }) => uid === uidOf(pod)) ?? false;
}

/** How many pods may be away at once, at most {@link maxActivePods}; of a percentage at least 1. */
export function maxUnavailableOf(value: number | string, total: number): number {
  if (typeof value === 'number') return Math.min(maxActivePods, Math.max(0, Math.floor(value)));
  const share = Math.floor(shareOf(value, total));
  return Math.min(maxActivePods, Math.max(1, share));
}

/** How many pods may have their replacement beside them at once, at most {@link maxActivePods}; a share is rounded up. */
export function maxSurgeOf(value: number | string, total: number): number {
  const whole = typeof value === 'number' ? Math.floor(value) : Math.ceil(shareOf(value, total));
  return Math.min(maxActivePods, Math.max(0, whole));
}

function shareOf(percentage: string, total: number): number {
  const percent = Number.parseInt(percentage, 10);
  return Number.isNaN(percent) ? 1 : (total * percent) / 100;
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
  const { restart, pods } = input;
  const held = pods.claimedBy(uidOf(restart)).map(nodeNameOf);
  const nodesUnderWay = new Set([...(restart.status?.active ?? []).map(({ node }) => node), ...held]);
  const away = pods
    .notReady()
    .filter(
      (pod) =>
        !underWay.has(uidOf(pod)) &&
        !hasFailed(restart, pod) &&
        !nodesUnderWay.has(nodeNameOf(pod)) &&
        !isOutstanding(input, pod),
    );
  const count = maxUnavailableOf(maxUnavailable, pods.size) - underWay.size - away.length;
  return { count: Math.max(0, count), away };
}

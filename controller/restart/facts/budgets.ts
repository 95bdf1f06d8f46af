import type { Pod, PodDisruptionBudget } from '#kube/objects.js';
import { isPodReady, matchesSelector } from './pods.js';

/** Budgets that a pod is under. A budget without a selector is for none, one with an empty selector for all. */
export function budgetsOf(budgets: readonly PodDisruptionBudget[], pod: Pod): readonly PodDisruptionBudget[] {
  return budgets.filter(
    ({ metadata, spec }) =>
      spec?.selector !== undefined &&
      metadata.namespace === pod.metadata.namespace &&
      matchesSelector(pod.metadata.labels, spec.selector),
  );
}

/**
 * Why evictions under these budgets can never work, in a sentence that says what to do; undefined when they can. A
 * DaemonSet has no scale that the disruption controller could ask, which it needs for all but a plain `minAvailable`.
 */
export function unsupportedBudget(budgets: readonly PodDisruptionBudget[]): string | undefined {
  const [first, second] = budgets;
  if (first !== undefined && second !== undefined) {
    return `PodDisruptionBudgets ${first.metadata.name} and ${second.metadata.name} are for the same pods, which no eviction gets past. Leave one.`;
  }
  const { maxUnavailable, minAvailable } = first?.spec ?? {};
  if (first === undefined || (maxUnavailable === undefined && typeof minAvailable !== 'string')) return undefined;
  const what = maxUnavailable === undefined ? 'minAvailable as a percentage' : 'maxUnavailable';
  return `PodDisruptionBudget ${first.metadata.name} has ${what}, which never allows an eviction of a DaemonSet's pod. Give minAvailable as a number.`;
}

/** Evictions that a budget allows now; none while its status is behind its spec. */
export function allowedBy({ metadata, status }: PodDisruptionBudget): number {
  const behind = (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);
  return behind ? 0 : (status?.disruptionsAllowed ?? 0);
}

/** True when a pod may go whatever its budget says: it does not run, or it is not ready and the budget is met without it. */
export function isFreeOf({ spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  if (pod.status?.phase === 'Pending') return true;
  if (isPodReady(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/** Asks budgets for one pod after the other. */
export interface Allowance {
  /** The budget that refuses; undefined when the pod may go, and has taken its part. */
  readonly take: (pod: Pod) => PodDisruptionBudget | undefined;
}

/** Whether pods may go, one after the other, as budgets allow; those that are about to go have taken their part. */
export function createAllowance(budgets: readonly PodDisruptionBudget[], aboutToGo: readonly Pod[]): Allowance {
  const left = new Map<PodDisruptionBudget, number>(budgets.map((budget) => [budget, allowedBy(budget)]));
  const spend = (pod: Pod): PodDisruptionBudget | undefined => {
    const counted = budgetsOf(budgets, pod).filter((budget) => !isFreeOf(budget, pod));
    const empty = counted.find((budget) => (left.get(budget) ?? 0) <= 0);
    for (const budget of counted) left.set(budget, (left.get(budget) ?? 0) - (empty === undefined ? 1 : 0));
    return empty;
  };
  for (const pod of aboutToGo) {
    for (const budget of budgetsOf(budgets, pod).filter((candidate) => !isFreeOf(candidate, pod))) {
      left.set(budget, (left.get(budget) ?? 0) - 1);
    }
  }
  return { take: spend };
}

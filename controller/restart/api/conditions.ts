import type { Condition } from '#kube/objects.js';

/** Sets a condition in a list: `lastTransitionTime` is kept as long as its status stays. */
export function setCondition(list: readonly Condition[], next: Condition): readonly Condition[] {
  const before = list.find(({ type }) => type === next.type);
  const merged: Condition =
    before?.status === next.status ? { ...next, lastTransitionTime: before.lastTransitionTime } : next;
  if (before === undefined) return [...list, merged];
  return list.map((condition) => (condition.type === next.type ? merged : condition));
}

/** The condition of a type. */
export function findCondition(list: readonly Condition[] | undefined, type: string): Condition | undefined {
  return list?.find((condition) => condition.type === type);
}

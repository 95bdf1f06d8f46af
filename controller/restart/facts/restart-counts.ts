import { detachedBy } from '../api/annotations.js';
import { isFinished } from '../api/panel-restart.js';
import { detachedPods, restartOfUid, type ClusterStores } from './cluster-view.js';

/** Pods that are out of their DaemonSet now. */
export interface DetachedCounts {
  /** Of restarts that go on. */
  readonly underWay: number;
  /** Of restarts that are over or gone: nobody should be waiting for them. */
  readonly left: number;
}

/** Counts the pods that are out of their DaemonSet. */
export function countDetached(stores: ClusterStores): DetachedCounts {
  const pods = detachedPods(stores);
  const underWay = pods.filter((pod) => {
    const restart = restartOfUid(stores, detachedBy(pod) ?? '');
    return restart !== undefined && !isFinished(restart);
  }).length;
  return { underWay, left: pods.length - underWay };
}

/** Counts the restarts that are not over and need a person, by reason, as their condition `Stalled` has it. */
export function countStalled({ restarts }: ClusterStores): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const restart of restarts.list()) {
    const stalled = restart.status?.conditions?.find(({ type }) => type === 'Stalled');
    if (isFinished(restart) || stalled?.status !== 'True') continue;
    counts.set(stalled.reason, (counts.get(stalled.reason) ?? 0) + 1);
  }
  return counts;
}

import type { Pod } from '#kube/objects.js';
import { claimOf } from '../api/annotations.js';
import { isFinished } from '../api/panel-restart.js';
import type { Settings } from '../api/settings.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import { maxSurgeOf } from './outstanding-pods.js';
import { retiringOn } from './retire.js';
import type { Snapshot } from './snapshot.js';

/** Hosts that come next, as far as anything but their gates tells: as many as may have their replacement beside them at once. */
export function nextHosts(snapshot: Omit<Snapshot, 'gates'>, settings: Settings): readonly Pod[] {
  const { restart, pods, outstanding, rivals, busyNodes } = snapshot;
  if (isFinished(restart) || isTerminating(restart) || restart.spec.paused === true) return [];
  const places = maxSurgeOf(settings.maxSurge, pods.size) - pods.claimedBy(uidOf(restart)).length;
  const others = new Set(rivals.map(uidOf));
  const isFree = (pod: Pod): boolean =>
    !others.has(claimOf(pod)?.restart ?? '') &&
    !busyNodes.has(pod.spec?.nodeName ?? '') &&
    retiringOn(snapshot, pod).length < settings.maxRetiring;
  const next: Pod[] = [];
  for (const pod of outstanding) {
    if (next.length >= places) break;
    if (isFree(pod)) next.push(pod);
  }
  return next;
}

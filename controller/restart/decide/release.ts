import type { Pod } from '#kube/objects.js';
import { events } from '../api/events.js';
import { uidOf } from '../facts/pods.js';
import { nameFor, viewOf } from './pod-outcome.js';
import type { Action, Snapshot } from './snapshot.js';

/** Gives a pod back: its gate, if this restart has it, and its claim. */
export function releaseAction(snapshot: Snapshot, pod: Pod, why: string): Action {
  return {
    kind: 'release',
    pod,
    uncordon: isOwnCordon(snapshot, pod),
    name: nameFor(snapshot, pod),
    event: events.released(pod, why),
  };
}

/** True unless the gate of a pod says that this restart has not cordoned it. */
export function isOwnCordon(snapshot: Snapshot, pod: Pod): boolean {
  const view = viewOf(snapshot, pod);
  return view?.kind !== 'answered' || view.status.restartUid === uidOf(snapshot.restart);
}

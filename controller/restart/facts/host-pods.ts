import { Target, type GateStatus } from '#proto/gate/v1/gate.js';
import type { Pod } from '#kube/objects.js';
import { uidOf } from './pods.js';

/** Names a host's pod to the gate of its node, which may answer for several; empty where that gate does not tell them apart. */
export interface PodName {
  readonly podUid?: string;
}

/** How a gate that gave this status is told which pod is meant: one that does not name the pods of its workers would not understand. */
export function podNameIn(status: GateStatus, pod: Pod): PodName {
  const podUid = uidOf(pod);
  return hostWorkersOf(status, podUid).length === 0 ? {} : { podUid };
}

/** Sessions that the workers of a host's pod have. */
export function sessionsIn(status: GateStatus, podUid: string): number {
  return hostWorkersOf(status, podUid).reduce((sum, { sessions }) => sum + sessions, 0);
}

/** True where a gate does not say which pods the workers of hosts are in. */
export function hasUnnamedHosts({ workers }: GateStatus): boolean {
  return workers.some(({ target, podUid }) => target === Target.HOST && podUid === '');
}

function hostWorkersOf({ workers }: GateStatus, uid: string): GateStatus['workers'] {
  return workers.filter(({ target, podUid }) => target === Target.HOST && podUid === uid);
}

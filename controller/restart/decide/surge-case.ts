import { State } from '#proto/gate/v1/gate.js';

import { nodeNameOf } from '#common/daemon-placement.js';
import type { Pod } from '#kube/objects.js';
import { type Claim, type SurgeStage } from '../api/annotations.js';
import type { ActivePod } from '../api/panel-restart.js';
import type { RestartEvent } from '../api/restart-event.js';
import type { Settings } from '../api/settings.js';
import { hasNeverRun } from '../facts/containers.js';
import { gatePodOf } from '../facts/gate-provider.js';
import { isNodeDown, isPodReady, isTerminating, uidOf } from '../facts/pods.js';
import { newClaim } from './new-claim.js';
import { nameFor, viewOf } from './pod-outcome.js';
import type { Action, Snapshot } from './snapshot.js';

/** A pod under way that was taken out of its DaemonSet. */
export interface SurgeCase {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly pod: Pod;
  readonly entry: ActivePod;
  readonly claim: Claim;
}

/** Milliseconds until the stage has to be over; below 0 once it should be. */
export function stageLeftMs({ snapshot, claim }: SurgeCase): number {
  return Date.parse(claim.deadline) - snapshot.now.getTime();
}

/** Has the next stage written at the pod, which then has `forMs`. */
export function stageAction(c: SurgeCase, surge: SurgeStage, forMs: number, event?: RestartEvent): Action {
  const claim = newClaim(c.snapshot, forMs, surge);
  return { kind: 'stage', pod: c.pod, claim, ...(event === undefined ? {} : { event }) };
}

/** Has the gate of a pod serve again, where this restart keeps it from that; nothing where it does not. */
export function reopenOwn(snapshot: Snapshot, pod: Pod): readonly Action[] {
  const view = viewOf(snapshot, pod);
  if (view?.kind !== 'answered' || view.status.restartUid !== uidOf(snapshot.restart)) return [];
  return view.status.state === State.SERVING
    ? []
    : [{ kind: 'reopen', gate: gatePodOf(snapshot.gateProviders, pod) ?? pod, name: nameFor(snapshot, pod) }];
}

/** True when sessions may be in a pod: it is ready, or its gate answers, or it has run on a node of which nothing is heard. */
export function mayServe(snapshot: Snapshot, pod: Pod | undefined): pod is Pod {
  if (pod === undefined) return false;
  const isUnheard = isNodeDown(snapshot.nodes.get(nodeNameOf(pod) ?? '')) && !hasNeverRun(pod);
  return isPodReady(pod) || viewOf(snapshot, pod)?.kind === 'answered' || isUnheard;
}

/** Whether there is a target that pods can be given back to. */
export function hasTarget({ target }: Snapshot): boolean {
  return target !== undefined && !isTerminating(target);
}

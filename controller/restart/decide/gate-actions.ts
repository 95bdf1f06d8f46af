import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { podNameIn } from '../facts/host-pods.js';
import type { Action } from './snapshot.js';

/** How long a cordon lasts without a renewal. */
export const cordonLeaseMs = 60_000;
/** A cordon with less than this left is renewed. */
export const renewBelowMs = 30_000;

/** What is told to a pod's gate next, so that it is drained within `leftMs`. */
export function gateActions(pod: Pod, status: GateStatus, leftMs: number): readonly Action[] {
  const named = { pod, name: podNameIn(status, pod) };
  const drain: Action = { kind: 'drain', ...named, timeoutMs: Math.max(1, leftMs) };
  const renew: Action = { kind: 'cordon', ...named, renewal: true };
  const endsSoon = leaseLeftMs(status) < renewBelowMs;
  switch (status.state) {
    case State.UNSPECIFIED:
    case State.UNRECOGNIZED:
    case State.SERVING:
      return [{ kind: 'cordon', ...named, renewal: false }];
    case State.CLOSED:
    case State.FORCED:
      // Nobody's drain: a host has ended what was left at its time. Whoever drains it then gets the receipt of that.
      if (status.restartUid === '') return [drain];
      return endsSoon ? [renew] : [];
    case State.CORDONED:
    case State.NOTIFIED:
    case State.FROZEN:
    case State.QUIESCED:
    case State.CHECKPOINTED:
    case State.RELEASED:
      return endsSoon ? [renew, drain] : [drain];
  }
}

/** How long the cordon still lasts. */
export function leaseLeftMs(status: GateStatus): number {
  return durationToMs(status.leaseRemaining, cordonLeaseMs);
}

/** True while a drain tells by itself how far it is. */
export function isSettledState(state: State): boolean {
  return state >= State.CORDONED && state <= State.RELEASED;
}

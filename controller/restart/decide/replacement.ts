import { State, Target, type GateStatus, type WorkerStatus } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { detachedBy } from '../api/annotations.js';
import { waitingReasonOf, waitingReasonText } from '../facts/containers.js';
import { createdMs, isPodReady, isTerminating, readySinceMs, uidOf } from '../facts/pods.js';
import { silenceOf, viewOf } from './pod-outcome.js';
import { resumedOf } from '../facts/receipts.js';
import { gateStateName } from '../api/events.js';
import type { Settings } from '../api/settings.js';
import type { ActivePod } from '../api/panel-restart.js';
import type { Snapshot } from './snapshot.js';

/** A pod under way that is gone or going. */
export interface KilledCase {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly entry: ActivePod;
  /** The old pod while it still goes. */
  readonly pod: Pod | undefined;
}

/** What a replacement still lacks; `missing` is not set when it lacks nothing. */
export interface Verdict {
  readonly missing?: { readonly reason: string; readonly message: string };
  /** Sessions that it restored. */
  readonly resumed: number;
  /** When the answer changes by itself, in milliseconds from now. */
  readonly wakeMs?: number;
  /** True when only its gate can tell. */
  readonly ask?: boolean;
}

/** The pod that took the place of one that was killed: on the same node, with another uid, the youngest. */
export function replacementOf(snapshot: Snapshot, entry: ActivePod): Pod | undefined {
  return snapshot.pods
    .onNode(entry.node)
    .filter((pod) => uidOf(pod) !== entry.uid && !isTerminating(pod) && detachedBy(pod) === undefined)
    .sort((a, b) => createdMs(b) - createdMs(a))[0];
}

function notReady(message: string, rest: Omit<Verdict, 'missing' | 'resumed'> = {}): Verdict {
  return { missing: { reason: 'ReplacementNotReady', message }, resumed: 0, ...rest };
}

/** What the gate of another pod lacks to serve the sessions of this one; undefined when nothing. */
function hostLacks(status: GateStatus, restartUid: string, uid: string): string | undefined {
  if (status.restartUid === restartUid && status.state !== State.SERVING) {
    return `it is still ${gateStateName(status.state)} for this restart.`;
  }
  const isMine = ({ target, podUid }: WorkerStatus): boolean =>
    target === Target.HOST && (podUid === '' || podUid === uid);
  const busy = status.workers.find((worker) => isMine(worker) && worker.state !== State.SERVING);
  if (busy === undefined) return undefined;
  const why = busy.message === '' ? '' : ` ${busy.message}`;
  return `the worker of panel ${busy.panel} is ${gateStateName(busy.state)}, not SERVING.${why}`;
}

/** What the gate's answer lacks. How many sessions a host restored is not told by the agent that answers for it. */
function gateVerdict({ snapshot, entry }: KilledCase, pod: Pod, status: GateStatus): Verdict {
  const { name } = pod.metadata;
  if (snapshot.gateProviders !== undefined) {
    const lacks = hostLacks(status, uidOf(snapshot.restart), uidOf(pod));
    return lacks === undefined ? { resumed: 0 } : notReady(`Pod ${name} does not serve yet: ${lacks}`, { ask: true });
  }
  if (status.state !== State.SERVING) {
    return notReady(`The gate of pod ${name} is ${gateStateName(status.state)}, not SERVING.`, { ask: true });
  }
  const counts = resumedOf(status, entry.receipt?.checkpointed ?? 0);
  if (counts.missing === 0) return { resumed: counts.resumed };
  const message = `Pod ${name} has restored ${counts.resumed} of ${counts.expected} checkpointed sessions.`;
  return { missing: { reason: 'SessionsNotRestored', message }, resumed: counts.resumed, ask: true };
}

/** Judges a replacement: ready, serving, and with every session that was checkpointed and has not ended since. */
export function verdictOn(c: KilledCase, pod: Pod | undefined): Verdict {
  const { snapshot, settings, entry } = c;
  if (pod === undefined) return notReady(`No pod has taken the place of ${entry.pod} yet.`);
  const name = pod.metadata.name;
  if (!isPodReady(pod)) {
    const why = waitingReasonText(waitingReasonOf(pod));
    return notReady(`Pod ${name}, which takes the place of ${entry.pod}, is not ready.${why}`);
  }
  const view = viewOf(snapshot, pod);
  if (view?.kind !== 'answered') {
    return notReady(`The gate of pod ${name} does not answer: ${silenceOf(view)}`, { ask: true });
  }
  const verdict = gateVerdict(c, pod, view.status);
  if (verdict.missing !== undefined) return verdict;
  const readyInMs = readySinceMs(pod) + settings.minReadyMs - snapshot.now.getTime();
  if (settings.minReadyMs > 0 && readyInMs > 0) {
    return notReady(`Pod ${name} has to be ready a little longer.`, { wakeMs: readyInMs });
  }
  return verdict;
}

import type { Receipt } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { gatePodOf } from '../facts/gate-provider.js';
import { podNameIn, sessionsIn, type PodName } from '../facts/host-pods.js';
import { isPodReady, uidOf } from '../facts/pods.js';
import { events } from '../api/events.js';
import type { ActivePod, FailedPod, RecordedReceipt } from '../api/panel-restart.js';
import type { Action, GateView, Snapshot } from './snapshot.js';
import type { RestartEvent } from '../api/restart-event.js';

/** What becomes of one pod under way. */
export interface PodOutcome {
  /** Stays under way as this. */
  readonly entry?: ActivePod;
  /** Is done; its receipt's counts are added up. */
  readonly done?: { readonly entry: ActivePod; readonly resumed: number; readonly lost: number };
  readonly failure?: FailedPod;
  readonly actions?: readonly Action[];
  readonly events?: readonly RestartEvent[];
  readonly wakeMs?: number;
  /** Uid of the pod whose gate has to be asked again. */
  readonly ask?: string;
}

/** An entry, or an outcome, without some of its fields. */
export function without<T extends object, K extends keyof T>(whole: T, ...keys: K[]): Omit<T, K> {
  const rest = { ...whole };
  for (const key of keys) Reflect.deleteProperty(rest, key);
  return rest;
}

/** An entry at a step; what it waited for is forgotten unless `rest` says it again. */
export function withStep(
  now: Date,
  entry: ActivePod,
  step: ActivePod['step'],
  rest: Partial<ActivePod> = {},
): ActivePod {
  const since = entry.step === step ? entry.since : now.toISOString();
  return { ...without(entry, 'message', 'holders'), step, ...(since === undefined ? {} : { since }), ...rest };
}

/** A pod that is given up. */
export function failed(now: Date, entry: ActivePod, reason: string, message: string): PodOutcome {
  const { pod, uid, node } = entry;
  const failure: FailedPod = {
    pod,
    uid,
    ...(node === undefined ? {} : { node }),
    reason,
    message: message.slice(0, 1024),
    time: now.toISOString(),
  };
  return { failure, events: [events.failed(failure)] };
}

/**
 * What the gate says that answers for a pod. An answer that is another pod's, because an address changed hands, is none:
 * a gate of its own may be silent about its pod, one that answers for others never is.
 */
export function viewOf(snapshot: Snapshot, pod: Pod): GateView | undefined {
  const view = snapshot.gates.get(uidOf(pod));
  if (view?.kind !== 'answered') return view;
  const gate = gatePodOf(snapshot.gateProviders, pod);
  const { podUid } = view.status;
  const silent = snapshot.gateProviders === undefined && podUid === '';
  if (gate !== undefined && (silent || podUid === uidOf(gate))) return view;
  return { kind: 'unreachable', message: `what answers there is the gate of another pod (uid ${podUid}).` };
}

/** How the gate that answers for a pod is told that this one is meant. */
export function nameFor(snapshot: Snapshot, pod: Pod): PodName {
  return nameIn(viewOf(snapshot, pod), pod);
}

/** The same, of what the gate has said. */
export function nameIn(view: GateView | undefined, pod: Pod): PodName {
  return view?.kind === 'answered' ? podNameIn(view.status, pod) : {};
}

/** True when the gate has answered that no worker of a pod is there, and it is not ready: nobody could give a receipt, and nothing is to lose. */
export function hasNoWorkers(view: GateView | undefined, pod: Pod): boolean {
  return view?.kind === 'unreachable' && view.isWithoutWorkers === true && !isPodReady(pod);
}

/** Sessions of a host's pod, where its gate tells them from others'; undefined where it does not. */
export function hostSessions(snapshot: Snapshot, pod: Pod): number | undefined {
  const view = viewOf(snapshot, pod);
  if (view?.kind !== 'answered' || podNameIn(view.status, pod).podUid === undefined) return undefined;
  return sessionsIn(view.status, uidOf(pod));
}

/**
 * When to look again, at the soonest of these waits in milliseconds that is still ahead; empty when none is. What is due by now is seen to by
 * this look: one that followed at once would find it so again, for as long as something else keeps it waiting.
 */
export function wakeIn(...waitsMs: readonly (number | undefined)[]): { readonly wakeMs?: number } {
  const ahead = waitsMs.filter((ms) => ms !== undefined && ms > 0) as readonly number[];
  return ahead.length === 0 ? {} : { wakeMs: Math.min(...ahead) };
}

/** Why a gate that has not answered says nothing. */
export function silenceOf(view: GateView | undefined): string {
  return view?.kind === 'unreachable' ? view.message : 'it has not been asked yet';
}

/** What was written down when a drain was complete, compared with what is given now. */
export function isSameReceipt(recorded: RecordedReceipt | undefined, given: Receipt): boolean {
  return recorded?.digest === given.digest && recorded.instance === given.instance;
}

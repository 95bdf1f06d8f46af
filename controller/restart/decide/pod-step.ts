import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus, type Receipt } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { afterKill } from './after-kill.js';
import { claimOf } from '../api/annotations.js';
import { allowedBy, isFreeOf } from '../facts/budgets.js';
import { causeOf, isNodeDown, isTerminating, uidOf } from '../facts/pods.js';
import { failed, isSameReceipt, viewOf, without, withStep, type PodOutcome } from './pod-outcome.js';
import { entryOf, situationOf, type PodSituation } from './pod-situation.js';
import { recordReceipt } from '../facts/receipts.js';
import { gateStateName, holderTexts, neverRan, events } from '../api/events.js';
import type { Settings } from '../api/settings.js';
import type { ActivePod, RecordedReceipt } from '../api/panel-restart.js';
import type { Action, Snapshot } from './snapshot.js';

/** How long a cordon lasts without a renewal. */
export const cordonLeaseMs = 60_000;
/** A cordon with less than this left is renewed. */
const renewBelowMs = 30_000;
/** A budget that refuses is tried again after this, should nobody tell that it has changed. */
const budgetRetryMs = 10_000;
/** How long after the deadline an agent that answers may still carry out its own policy. */
const deadlineSlackMs = 5_000;
/** A gate that serves again this close to the deadline has called its drain off. */
const calledOffMs = 1_000;

/** Next step of one pod that this restart has claimed or recorded; `stop` says why it goes no further, if it does not. */
export function podStep(snapshot: Snapshot, settings: Settings, uid: string, stop: string | undefined): PodOutcome {
  const pod = snapshot.pods.withUid(uid);
  const claim = pod === undefined ? undefined : claimOf(pod);
  const mine = claim?.restart === uidOf(snapshot.restart);
  const recorded = snapshot.restart.status?.active?.find((entry) => entry.uid === uid);
  const failure = snapshot.restart.status?.failures?.find((entry) => entry.uid === uid);
  if (pod === undefined)
    return recorded === undefined ? {} : afterKill({ snapshot, settings, entry: recorded, pod }, stop);
  if (failure !== undefined) {
    return isTerminating(pod) || !mine
      ? {}
      : { actions: [releaseAction(snapshot, pod, failure.message ?? failure.reason)] };
  }
  const entry = entryOf(snapshot, pod, mine ? claim : undefined);
  if (isTerminating(pod)) return afterKill({ snapshot, settings, entry, pod }, stop);
  if (!mine) return {};
  if (stop !== undefined) return { entry, actions: [releaseAction(snapshot, pod, stop)] };
  const situation = situationOf(snapshot, settings, { pod, entry, claim });
  const { view } = situation;
  return view?.kind === 'answered' ? knownGate(situation, view.status, view.receipt) : unknownGate(situation);
}

/** Gives a pod back: its gate, if this restart has it, and its claim. */
export function releaseAction(snapshot: Snapshot, pod: Pod, why: string): Action {
  const view = viewOf(snapshot, pod);
  const mine = view?.kind !== 'answered' || view.status.restartUid === uidOf(snapshot.restart);
  return { kind: 'release', pod, uncordon: mine, event: events.released(pod, why) };
}

function knownGate(s: PodSituation, status: GateStatus, given: Receipt | undefined): PodOutcome {
  if (status.fencing > s.fencing) return laterLeader(s, status);
  const receipt = validReceipt(s, status, given);
  if (receipt !== undefined) return drained(s, status, receipt);
  const entry = heardEntry(s, status);
  const foreign = status.restartUid !== '' && status.restartUid !== s.restartUid;
  const waits = s.settings.onTimeout === 'Wait';
  const idleLate = status.state === State.SERVING && s.leftMs < calledOffMs && !waits;
  if (s.leftMs < -deadlineSlackMs || idleLate) {
    const about = { foreign, unsafe: unsafeSessions(s, status), before: s.entry.holders ?? [] };
    const outcome = overdue({ ...s, entry }, s.settings.onTimeout, events.timeoutCause(s.pod, status, about));
    return waits && outcome.entry !== undefined ? { ...outcome, actions: gateActions(s, status, 0) } : outcome;
  }
  const untilOverdueMs = s.leftMs + deadlineSlackMs + 1;
  if (foreign) {
    return { entry: { ...entry, message: events.foreignCordon(status) }, wakeMs: untilOverdueMs, ask: s.uid };
  }
  return {
    entry,
    actions: gateActions(s, status, s.leftMs),
    wakeMs: Math.max(0, Math.min(untilOverdueMs, leaseLeftMs(status) - renewBelowMs + 1)),
    ...(isSettledState(status.state) ? {} : { ask: s.uid }),
  };
}

/** The entry with what the gate says now. */
function heardEntry({ entry, now }: PodSituation, status: GateStatus): ActivePod {
  const forcing = entry.receipt?.withoutReceipt !== undefined;
  const heard: ActivePod = {
    ...(forcing ? entry : without(entry, 'receipt')),
    sessions: status.sessions,
    gateState: gateStateName(status.state),
  };
  const holders = holderTexts(status);
  const step = status.state >= State.NOTIFIED ? 'Draining' : 'Cordoned';
  return withStep(now, heard, step, holders.length === 0 ? {} : { holders });
}

function unknownGate(s: PodSituation): PodOutcome {
  const { entry, view, leftMs } = s;
  if (s.isLifeless) return withoutLife(s);
  const text = view?.kind === 'unreachable' ? view.message : 'it has not been asked yet';
  const cause = causeOf(s.pod, s.node, text);
  if (leftMs <= 0 && view !== undefined) return overdue(s, s.settings.onUnreachable, cause);
  return {
    entry: withStep(s.now, entry, entry.step, { message: cause.message.slice(0, 1024) }),
    wakeMs: Math.max(0, leftMs),
    ask: s.uid,
  };
}

/** No container has ever run, so there is nothing to lose and nobody who could give a receipt. */
function withoutLife(s: PodSituation): PodOutcome {
  const { entry } = s;
  if (entry.receipt?.withoutReceipt === neverRan) return kill(s, entry.receipt);
  const receipt: RecordedReceipt = { withoutReceipt: neverRan };
  return { entry: withStep(s.now, entry, 'Drained', { receipt }), events: [events.neverRan(s.pod)] };
}

/** The node knows a later leader than this one: a lease that was lost with its count, or a number that somebody made up. */
function laterLeader(s: PodSituation, { fencing: above }: GateStatus): PodOutcome {
  const { entry, pod, uid, leftMs } = s;
  if (above < s.fencingLimit) {
    const actions: readonly Action[] = [{ kind: 'raiseFencing', above }];
    return { entry, actions, events: [events.raisingFencing(pod, above)], ask: uid };
  }
  const message = events.implausibleFencing(pod, above, s.fencing);
  // Never forced: the agent answers, and has sessions that it would drain for the right leader.
  if (leftMs <= 0) return failed(s.now, entry, 'FencingImplausible', message);
  return { entry: withStep(s.now, entry, entry.step, { message }), wakeMs: leftMs, ask: uid };
}

/** A receipt counts only for this restart, this instance of the agent and this target. */
function validReceipt(s: PodSituation, status: GateStatus, receipt: Receipt | undefined): Receipt | undefined {
  if (receipt?.restartUid !== s.restartUid) return undefined;
  if (receipt.instance === '' || receipt.instance !== status.instance) return undefined;
  if (receipt.target !== s.settings.gateTarget) return undefined;
  return status.state === State.CLOSED || status.state === State.FORCED ? receipt : undefined;
}

function drained(s: PodSituation, status: GateStatus, receipt: Receipt): PodOutcome {
  const { entry, pod } = s;
  const recorded = entry.receipt;
  if (recorded !== undefined && isSameReceipt(recorded, receipt)) {
    return kill(s, recorded, leaseLeftMs(status) < renewBelowMs ? [{ kind: 'cordon', pod, renewal: true }] : []);
  }
  const fresh = recordReceipt(receipt);
  return {
    entry: withStep(s.now, entry, 'Drained', { receipt: fresh, gateState: 'CLOSED' }),
    events: [events.drained(pod, fresh, receipt)],
  };
}

/** The deadline has passed and the pod is not drained: the policy decides. */
function overdue(
  s: PodSituation,
  policy: Settings['onTimeout'],
  cause: { reason: string; message: string },
): PodOutcome {
  const { settings, entry, now, uid } = s;
  const waitForMs = settings.maxTimeoutMs - settings.timeoutMs + s.leftMs;
  const message = cause.message.slice(0, 1024);
  const stay = withStep(now, entry, entry.step, { message });
  if (policy === 'Wait' && waitForMs > 0) return { entry: stay, wakeMs: waitForMs, ask: uid };
  if (policy !== 'Force') return failed(now, entry, cause.reason, cause.message);
  // A delete does nothing on a node whose kubelet is away, and pods are never force-deleted.
  if (isNodeDown(s.node)) return failed(now, entry, 'NodeUnreachable', cause.message);
  const unwatchedMs = settings.timeoutMs - s.watchedMs;
  if (unwatchedMs > 0) return { entry: stay, wakeMs: unwatchedMs, ask: uid };
  if (entry.receipt?.withoutReceipt !== undefined) return kill(s, entry.receipt);
  const receipt: RecordedReceipt = { withoutReceipt: message, forced: entry.sessions ?? 0 };
  return { entry: withStep(now, entry, 'Drained', { receipt }), events: [events.forcing(s.pod, message)] };
}

/** Everything is on record: delete, by way of the budgets of the pod, as soon as they allow. */
function kill(s: PodSituation, receipt: RecordedReceipt, renewals: readonly Action[] = []): PodOutcome {
  const { entry, pod, budgets } = s;
  const refusing = budgets.find((budget) => !isFreeOf(budget, pod) && allowedBy(budget) <= 0);
  if (refusing !== undefined) {
    const message = events.budgetRefuses(refusing.metadata.name);
    return { entry: withStep(s.now, entry, 'Drained', { message }), actions: renewals, wakeMs: budgetRetryMs };
  }
  const event = events.killing(pod, receipt);
  const remove: Action = { kind: 'delete', pod, receipt, evict: budgets.length > 0, event };
  return { entry: withStep(s.now, entry, 'Drained'), actions: [...renewals, remove] };
}

function gateActions({ pod }: PodSituation, status: GateStatus, leftMs: number): readonly Action[] {
  const drain: Action = { kind: 'drain', pod, timeoutMs: Math.max(1, leftMs) };
  const renew: Action = { kind: 'cordon', pod, renewal: true };
  const endsSoon = leaseLeftMs(status) < renewBelowMs;
  switch (status.state) {
    case State.UNSPECIFIED:
    case State.UNRECOGNIZED:
    case State.SERVING:
      return [{ kind: 'cordon', pod, renewal: false }];
    case State.CLOSED:
    case State.FORCED:
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
function leaseLeftMs(status: GateStatus): number {
  return durationToMs(status.leaseRemaining, cordonLeaseMs);
}

function isSettledState(state: State): boolean {
  return state >= State.CORDONED && state <= State.RELEASED;
}

/** Sessions that are not safe. An agent that called its host's drain off tells of its own again, but of each worker too. */
function unsafeSessions({ hasOwnGate, settings }: PodSituation, status: GateStatus): number {
  if (hasOwnGate || status.restartUid !== '') return status.counts?.remaining ?? status.sessions;
  const workers = status.workers.filter(({ target }) => target === settings.gateTarget);
  return workers.reduce((sum, { sessions }) => sum + sessions, 0);
}

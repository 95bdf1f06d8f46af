import { durationToMs } from '#common/time/duration.js';
import { State, type GateStatus, type Receipt } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { afterKill } from './after-kill.js';
import { claimOf, type Claim } from '../api/annotations.js';
import { allowedBy, budgetsOf, isFreeOf } from '../facts/budgets.js';
import { hasNeverRun } from '../facts/containers.js';
import { causeOf, isNodeDown, isTerminating, uidOf } from '../facts/pods.js';
import { deleteAction, failed, isSameReceipt, viewOf, without, withStep, type PodOutcome } from './pod-outcome.js';
import { recordReceipt } from '../facts/receipts.js';
import { gateStateName, holderTexts, neverRan, events } from '../api/events.js';
import type { Settings } from '../api/settings.js';
import type { ActivePod, RecordedReceipt } from '../api/panel-restart.js';
import type { Action, GateView, Snapshot } from './snapshot.js';

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
interface PodCase {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly uid: string;
  readonly pod: Pod;
  readonly claim: Claim;
  readonly entry: ActivePod;
}

function entryOf(snapshot: Snapshot, pod: Pod, claim: Claim | undefined): ActivePod {
  const uid = uidOf(pod);
  const known = snapshot.restart.status?.active?.find((entry) => entry.uid === uid);
  const entry: ActivePod = {
    pod: pod.metadata.name,
    uid,
    step: 'Cordoned',
    since: snapshot.now.toISOString(),
    ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...(claim === undefined ? {} : { deadline: claim.deadline }),
    ...known,
  };
  // It has come to life after all: what was said of it then is void.
  const isVoid = entry.receipt?.withoutReceipt === neverRan && !isTerminating(pod) && !isLifeless(snapshot, pod);
  return isVoid ? without(entry, 'receipt') : entry;
}

function isLifeless(snapshot: Snapshot, pod: Pod): boolean {
  return hasNeverRun(pod) && !isNodeDown(snapshot.nodes.get(pod.spec?.nodeName ?? ''));
}

/** The deadline has passed and the pod is not drained: the policy decides. */
function overdue(c: PodCase, policy: Settings['onTimeout'], cause: { reason: string; message: string }): PodOutcome {
  const { snapshot, settings, entry, pod, uid } = c;
  const overMs = snapshot.now.getTime() - Date.parse(c.claim.deadline);
  const waitForMs = settings.maxTimeoutMs - settings.timeoutMs - overMs;
  const message = cause.message.slice(0, 1024);
  if (policy === 'Wait' && waitForMs > 0) {
    return { entry: withStep(snapshot, entry, entry.step, { message }), wakeMs: waitForMs, ask: uid };
  }
  if (policy !== 'Force') return failed(snapshot, entry, cause.reason, cause.message);
  // A delete does nothing on a node whose kubelet is away, and pods are never force-deleted.
  if (isNodeDown(snapshot.nodes.get(pod.spec?.nodeName ?? '')))
    return failed(snapshot, entry, 'NodeUnreachable', cause.message);
  const leftMs = settings.timeoutMs - snapshot.watchedMs(uid);
  if (leftMs > 0) return { entry: withStep(snapshot, entry, entry.step, { message }), wakeMs: leftMs, ask: uid };
  if (entry.receipt?.withoutReceipt !== undefined) {
    return kill(c, entry.receipt);
  }
  const receipt: RecordedReceipt = { withoutReceipt: message, forced: entry.sessions ?? 0 };
  return { entry: withStep(snapshot, entry, 'Drained', { receipt }), events: [events.forcing(pod, message)] };
}

/** Everything is on record: delete, as soon as the budgets of the pod allow. */
function kill(c: PodCase, receipt: RecordedReceipt, renewals: readonly Action[] = []): PodOutcome {
  const { snapshot, entry, pod } = c;
  const refusing = budgetsOf(snapshot.budgets, pod).find((budget) => !isFreeOf(budget, pod) && allowedBy(budget) <= 0);
  if (refusing === undefined) {
    return {
      entry: withStep(snapshot, entry, 'Drained'),
      actions: [...renewals, deleteAction(snapshot, pod, receipt)],
    };
  }
  const message = events.budgetRefuses(refusing.metadata.name);
  return { entry: withStep(snapshot, entry, 'Drained', { message }), actions: renewals, wakeMs: budgetRetryMs };
}

/** No container has ever run, so there is nothing to lose and nobody who could give a receipt. */
function withoutLife(c: PodCase): PodOutcome {
  const { snapshot, entry, pod } = c;
  if (entry.receipt?.withoutReceipt === neverRan) return kill(c, entry.receipt);
  const receipt: RecordedReceipt = { withoutReceipt: neverRan };
  return { entry: withStep(snapshot, entry, 'Drained', { receipt }), events: [events.neverRan(pod)] };
}

function unknownGate(c: PodCase, view: GateView | undefined): PodOutcome {
  const { snapshot, settings, entry, pod, uid } = c;
  if (isLifeless(snapshot, pod)) return withoutLife(c);
  const text = view?.kind === 'unreachable' ? view.message : 'it has not been asked yet';
  const cause = causeOf(pod, snapshot.nodes.get(pod.spec?.nodeName ?? ''), text);
  const leftMs = Date.parse(c.claim.deadline) - snapshot.now.getTime();
  if (leftMs <= 0 && view !== undefined) return overdue(c, settings.onUnreachable, cause);
  return {
    entry: withStep(snapshot, entry, entry.step, { message: cause.message.slice(0, 1024) }),
    wakeMs: Math.max(0, leftMs),
    ask: uid,
  };
}

function drained(c: PodCase, status: GateStatus, receipt: Receipt): PodOutcome {
  const { snapshot, entry, pod } = c;
  const recorded = entry.receipt;
  if (recorded !== undefined && isSameReceipt(recorded, receipt)) {
    const leaseMs = durationToMs(status.leaseRemaining, cordonLeaseMs);
    return kill(c, recorded, leaseMs < renewBelowMs ? [{ kind: 'cordon', pod, renewal: true }] : []);
  }
  const fresh = recordReceipt(receipt);
  return {
    entry: withStep(snapshot, entry, 'Drained', { receipt: fresh, gateState: 'CLOSED' }),
    events: [events.drained(pod, fresh, receipt)],
  };
}

/** A receipt counts only for this restart, this instance of the agent and this target. */
function validReceipt(c: PodCase, status: GateStatus, receipt: Receipt | undefined): Receipt | undefined {
  if (receipt?.restartUid !== uidOf(c.snapshot.restart)) return undefined;
  if (receipt.instance === '' || receipt.instance !== status.instance) return undefined;
  if (receipt.target !== c.settings.gateTarget) return undefined;
  return status.state === State.CLOSED || status.state === State.FORCED ? receipt : undefined;
}

function gateActions(c: PodCase, status: GateStatus, leftMs: number): readonly Action[] {
  const { pod } = c;
  const drain: Action = { kind: 'drain', pod, timeoutMs: Math.max(1, leftMs) };
  const renew: Action = { kind: 'cordon', pod, renewal: true };
  const leaseMs = durationToMs(status.leaseRemaining, cordonLeaseMs);
  switch (status.state) {
    case State.UNSPECIFIED:
    case State.UNRECOGNIZED:
    case State.SERVING:
      return [{ kind: 'cordon', pod, renewal: false }];
    case State.CLOSED:
    case State.FORCED:
      return leaseMs < renewBelowMs ? [renew] : [];
    case State.CORDONED:
    case State.NOTIFIED:
    case State.FROZEN:
    case State.QUIESCED:
    case State.CHECKPOINTED:
    case State.RELEASED:
      return leaseMs < renewBelowMs ? [renew, drain] : [drain];
  }
}

function isSettledState(state: State): boolean {
  return state >= State.CORDONED && state <= State.RELEASED;
}

/** Sessions that are not safe. An agent that called its host's drain off tells of its own again, but of each worker too. */
function unsafeSessions({ snapshot, settings }: PodCase, status: GateStatus): number {
  if (snapshot.gateProviders === undefined || status.restartUid !== '')
    return status.counts?.remaining ?? status.sessions;
  const workers = status.workers.filter(({ target }) => target === settings.gateTarget);
  return workers.reduce((sum, { sessions }) => sum + sessions, 0);
}

/** The node knows a later leader than this one: a lease that was lost with its count, or a number that somebody made up. */
function laterLeader(c: PodCase, { fencing: above }: GateStatus): PodOutcome {
  const { snapshot, entry, pod, uid } = c;
  if (above < snapshot.fencingLimit) {
    const actions: readonly Action[] = [{ kind: 'raiseFencing', above }];
    return { entry, actions, events: [events.raisingFencing(pod, above)], ask: uid };
  }
  const message = events.implausibleFencing(pod, above, snapshot.fencing);
  const leftMs = Date.parse(c.claim.deadline) - snapshot.now.getTime();
  // Never forced: the agent answers, and has sessions that it would drain for the right leader.
  if (leftMs <= 0) return failed(snapshot, entry, 'FencingImplausible', message);
  return { entry: withStep(snapshot, entry, entry.step, { message }), wakeMs: leftMs, ask: uid };
}

function knownGate(c: PodCase, status: GateStatus, given: Receipt | undefined): PodOutcome {
  const { snapshot, settings, uid } = c;
  if (status.fencing > snapshot.fencing) return laterLeader(c, status);
  const receipt = validReceipt(c, status, given);
  if (receipt !== undefined) return drained(c, status, receipt);
  const forcing = c.entry.receipt?.withoutReceipt !== undefined;
  const heard: ActivePod = {
    ...(forcing ? c.entry : without(c.entry, 'receipt')),
    sessions: status.sessions,
    gateState: gateStateName(status.state),
  };
  const leftMs = Date.parse(c.claim.deadline) - snapshot.now.getTime();
  const holders = holderTexts(status);
  const step = status.state >= State.NOTIFIED ? 'Draining' : 'Cordoned';
  const entry = withStep(snapshot, heard, step, holders.length === 0 ? {} : { holders });
  const foreign = status.restartUid !== '' && status.restartUid !== uidOf(snapshot.restart);
  const waits = settings.onTimeout === 'Wait';
  const idleLate = status.state === State.SERVING && leftMs < calledOffMs && !waits;
  if (leftMs < -deadlineSlackMs || idleLate) {
    const outcome = overdue(
      { ...c, entry },
      settings.onTimeout,
      events.timeoutCause(c.pod, status, { foreign, unsafe: unsafeSessions(c, status), before: c.entry.holders ?? [] }),
    );
    return waits && outcome.entry !== undefined ? { ...outcome, actions: gateActions(c, status, 0) } : outcome;
  }
  const leaseMs = durationToMs(status.leaseRemaining, cordonLeaseMs);
  const wakeMs = Math.max(0, Math.min(leftMs + deadlineSlackMs + 1, leaseMs - renewBelowMs + 1));
  if (foreign) {
    return {
      entry: { ...entry, message: events.foreignCordon(status) },
      wakeMs: leftMs + deadlineSlackMs + 1,
      ask: uid,
    };
  }
  return {
    entry,
    actions: gateActions(c, status, leftMs),
    wakeMs,
    ...(isSettledState(status.state) ? {} : { ask: uid }),
  };
}

/** Gives a pod back: its gate, if this restart has it, and its claim. */
export function releaseAction(snapshot: Snapshot, pod: Pod, why: string): Action {
  const view = viewOf(snapshot, pod);
  const mine = view?.kind !== 'answered' || view.status.restartUid === uidOf(snapshot.restart);
  return { kind: 'release', pod, uncordon: mine, event: events.released(pod, why) };
}

/** Next step of one pod that this restart has claimed or recorded; `stop` says why it goes no further, if it does not. */
export function podStep(snapshot: Snapshot, settings: Settings, uid: string, stop: string | undefined): PodOutcome {
  const pod = snapshot.pods.find((candidate) => uidOf(candidate) === uid);
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
  const c: PodCase = { snapshot, settings, uid, pod, claim, entry };
  const view = viewOf(snapshot, pod);
  return view?.kind === 'answered' ? knownGate(c, view.status, view.receipt) : unknownGate(c, view);
}

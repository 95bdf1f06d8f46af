import { State, type GateStatus, type Receipt, type WorkerStatus } from '#proto/gate/v1/gate.js';

import type { Pod } from '#kube/objects.js';
import { afterKill } from './after-kill.js';
import { detachedBy, type Claim } from '../api/annotations.js';
import { allowedBy, isFreeOf } from '../facts/budgets.js';
import { causeOf, isNodeDown, isTerminating, uidOf } from '../facts/pods.js';
import { podNameIn } from '../facts/host-pods.js';
import { gateActions, isSettledState, leaseLeftMs, renewBelowMs } from './gate-actions.js';
import {
  failed,
  hasNoWorkers,
  isSameReceipt,
  nameIn,
  silenceOf,
  without,
  withStep,
  wakeIn,
  type PodOutcome,
} from './pod-outcome.js';
import { entryOf, situationOf, type PodSituation } from './pod-situation.js';
import { recordReceipt, validReceipt } from '../facts/receipts.js';
import { giveBack } from './give-back.js';
import { releaseAction } from './release.js';
import { retiredOutcome } from './retire.js';
import { surgeStep, type SpareRoom } from './surge-step.js';
import { gateStateName, holderTexts, neverRan, withoutWorkers, events } from '../api/events.js';
import type { Settings } from '../api/settings.js';
import type { ActivePod, RecordedReceipt } from '../api/panel-restart.js';
import type { Action, Snapshot } from './snapshot.js';

/** A budget that refuses is tried again after this, should nobody tell that it has changed. */
const budgetRetryMs = 10_000;
/** How long after the deadline an agent that answers may still carry out its own policy. */
const deadlineSlackMs = 5_000;
/** A gate that serves again this close to the deadline has called its drain off. */
const calledOffMs = 1_000;

/** A pod to find the next step of. */
export interface PodQuestion {
  readonly uid: string;
  /** Why the restart goes no further; undefined while it does. */
  readonly stop: string | undefined;
  readonly room: SpareRoom;
}

/** Next step of one pod that this restart has claimed or recorded. */
export function podStep(snapshot: Snapshot, settings: Settings, { uid, stop, room }: PodQuestion): PodOutcome {
  const pod = snapshot.pods.withUid(uid);
  const recorded = snapshot.restart.status?.active?.find((entry) => entry.uid === uid);
  if (snapshot.retiring.has(uid)) return recorded === undefined ? {} : retiredOutcome(recorded);
  if (pod === undefined)
    return recorded === undefined ? {} : afterKill({ snapshot, settings, entry: recorded, pod }, stop);
  const failure = snapshot.restart.status?.failures?.find((entry) => entry.uid === uid);
  const claim = heldBy(snapshot, pod);
  if (failure !== undefined) {
    if (isTerminating(pod) || claim === undefined) return {};
    // It is under way no more, and goes back to where it was.
    return without(returned({ snapshot, settings, pod, claim }, failure.message ?? failure.reason), 'entry');
  }
  const entry = entryOf(snapshot, pod, claim);
  if (isTerminating(pod)) return afterKill({ snapshot, settings, entry, pod }, stop);
  if (claim === undefined) return {};
  if (snapshot.pods.claimOn(pod) === undefined)
    return returned({ snapshot, settings, pod, claim }, 'Its claim was removed.');
  const surge = surgeStep({ snapshot, settings, pod, entry, claim }, stop, room);
  if (surge !== undefined) return surge;
  if (stop !== undefined && claim.surge === undefined) return { entry, actions: [releaseAction(snapshot, pod, stop)] };
  const situation = situationOf(snapshot, settings, { pod, entry, claim });
  const { view } = situation;
  return view?.kind === 'answered' ? knownGate(situation, view.status, view.receipt) : unknownGate(situation);
}

/** A pod that a restart has, and how. */
interface Held {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly pod: Pod;
  readonly claim: Claim;
}

/** A pod that this restart is done with, and has not deleted, goes back to where it was. */
export function returned(held: Held, why: string): PodOutcome {
  const { snapshot, pod, claim } = held;
  const entry = entryOf(snapshot, pod, claim);
  if (claim.surge !== undefined) return giveBack({ ...held, entry }, why);
  return { entry, actions: [releaseAction(snapshot, pod, why)] };
}

/** The claim of this restart on a pod. One that it took out of its DaemonSet, and whose claim somebody removed, goes back. */
export function heldBy({ restart, pods }: Snapshot, pod: Pod): Claim | undefined {
  const uid = uidOf(restart);
  const claim = pods.claimOn(pod);
  if (claim?.restart === uid) return claim;
  if (claim !== undefined || detachedBy(pod) !== uid) return undefined;
  return { restart: uid, deadline: new Date(0).toISOString(), fencing: 0, generation: 0, surge: 'alone' };
}

function knownGate(s: PodSituation, status: GateStatus, given: Receipt | undefined): PodOutcome {
  if (status.fencing > s.fencing) return laterLeader(s, status);
  const receipt = validReceipt(s, status, given, podNameIn(status, s.pod));
  if (receipt !== undefined) return drained(s, status, receipt);
  const entry = heardEntry(s, status);
  const foreign = status.restartUid !== '' && status.restartUid !== s.restartUid;
  const waits = s.settings.onTimeout === 'Wait';
  const idleLate = status.state === State.SERVING && s.leftMs < calledOffMs && !waits;
  if (s.leftMs < -deadlineSlackMs || idleLate) {
    const about = { foreign, unsafe: unsafeSessions(s, status), before: s.entry.holders ?? [] };
    const outcome = overdue({ ...s, entry }, s.settings.onTimeout, events.timeoutCause(s.pod, status, about));
    return waits && outcome.entry !== undefined ? { ...outcome, actions: gateActions(s.pod, status, 0) } : outcome;
  }
  const untilOverdueMs = s.leftMs + deadlineSlackMs + 1;
  if (foreign) {
    return { entry: { ...entry, message: events.foreignCordon(status) }, wakeMs: untilOverdueMs, ask: s.uid };
  }
  return {
    entry,
    actions: gateActions(s.pod, status, s.leftMs),
    ...wakeIn(untilOverdueMs, leaseLeftMs(status) - renewBelowMs + 1),
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
  if (s.isLifeless) return withoutLife(s, neverRan);
  if (hasNoWorkers(view, s.pod)) return withoutLife(s, withoutWorkers);
  const cause = causeOf(s.pod, s.node, silenceOf(view));
  if (leftMs <= 0 && view !== undefined) return overdue(s, s.settings.onUnreachable, cause);
  return {
    entry: withStep(s.now, entry, entry.step, { message: cause.message.slice(0, 1024) }),
    ...wakeIn(leftMs),
    ask: s.uid,
  };
}

/** No container has ever run, or no worker does, so there is nothing to lose and nobody who could give a receipt. */
function withoutLife(s: PodSituation, why: string): PodOutcome {
  const { entry } = s;
  if (entry.receipt?.withoutReceipt === why) return kill(s, entry.receipt);
  const receipt: RecordedReceipt = { withoutReceipt: why };
  return { entry: withStep(s.now, entry, 'Drained', { receipt }), events: [events.lifeless(s.pod, why)] };
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

function drained(s: PodSituation, status: GateStatus, receipt: Receipt): PodOutcome {
  const { entry, pod } = s;
  const recorded = entry.receipt;
  if (recorded !== undefined && isSameReceipt(recorded, receipt)) {
    return kill(
      s,
      recorded,
      leaseLeftMs(status) < renewBelowMs ? [{ kind: 'cordon', pod, name: podNameIn(status, pod), renewal: true }] : [],
    );
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
  const name = nameIn(s.view, pod);
  const remove: Action = { kind: 'delete', pod, name, receipt, evict: budgets.length > 0, event };
  return { entry: withStep(s.now, entry, 'Drained'), actions: [...renewals, remove] };
}

/** Sessions that are not safe. An agent that called its host's drain off tells of its own again, but of each worker too. */
function unsafeSessions({ hasOwnGate, settings, pod }: PodSituation, status: GateStatus): number {
  if (hasOwnGate || status.restartUid !== '') return status.counts?.remaining ?? status.sessions;
  const { podUid } = podNameIn(status, pod);
  const isMeant = (worker: WorkerStatus): boolean => podUid === undefined || worker.podUid === podUid;
  const workers = status.workers.filter((worker) => worker.target === settings.gateTarget && isMeant(worker));
  return workers.reduce((sum, { sessions }) => sum + sessions, 0);
}

import { durationToMs } from '#common/duration.js';
import { State, type GateStatus, type Receipt } from '#proto/gate/v1/gate.js';

import type { Pod } from '../kube/objects.js';
import { claimOf, uncordonFinalizer, type Claim } from './annotations.js';
import { courses, newsOf, type Course } from './courses.js';
import { outstandingPods, podsToStart } from './plan.js';
import { causeOf, isNodeDown, isTerminating, timeMs, uidOf } from './pod-facts.js';
import { recordReceipt } from './receipts.js';
import { replacementOf, verdictOn, type KilledCase, type Verdict } from './replacement.js';
import { gateStateName, holderTexts, notes } from './sentences.js';
import { settingsOf, type Settings } from './settings.js';
import { dueInMs, standingOf } from './standing.js';
import { assembleStatus } from './status.js';
import { isFinished, type ActivePod, type FailedPod, type PanelRestart, type RecordedReceipt } from './types.js';
import type { Action, Decision, GateView, Note, World } from './world.js';

/** How long a cordon lasts without a renewal. */
export const cordonLeaseMs = 60_000;
/** A cordon with less than this left is renewed. */
const renewBelowMs = 30_000;
/** How long after the deadline an agent that answers may still carry out its own policy. */
const deadlineSlackMs = 5_000;
/** A gate that serves again this close to the deadline has called its drain off. */
const calledOffMs = 1_000;
/**
 * Creation times are whole seconds. Waiting this long after the request is first seen makes every replacement
 * younger than the request, whatever the clocks say, so that none is restarted twice.
 */
const settleMs = 1_000;

/** What becomes of one pod under way. */
export interface PodOutcome {
  /** Stays under way as this. */
  readonly entry?: ActivePod;
  /** Is done; its receipt's counts are added up. */
  readonly done?: { readonly entry: ActivePod; readonly resumed: number; readonly lost: number };
  readonly failure?: FailedPod;
  readonly actions?: readonly Action[];
  readonly notes?: readonly Note[];
  readonly wakeMs?: number;
  /** Uid of the pod whose gate has to be asked again. */
  readonly ask?: string;
}

interface PodCase {
  readonly world: World;
  readonly settings: Settings;
  readonly uid: string;
  readonly pod: Pod;
  readonly claim: Claim;
  readonly entry: ActivePod;
}

function entryOf(world: World, pod: Pod, claim: Claim | undefined): ActivePod {
  const uid = uidOf(pod);
  const known = world.restart.status?.active?.find((entry) => entry.uid === uid);
  return {
    pod: pod.metadata.name,
    uid,
    step: 'Cordoned',
    since: world.now.toISOString(),
    ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...(claim === undefined ? {} : { deadline: claim.deadline }),
    ...known,
  };
}

function without<K extends keyof ActivePod>(entry: ActivePod, ...keys: K[]): Omit<ActivePod, K> {
  return Object.fromEntries(Object.entries(entry).filter(([key]) => !(keys as string[]).includes(key))) as ActivePod;
}

function withStep(world: World, entry: ActivePod, step: ActivePod['step'], rest: Partial<ActivePod> = {}): ActivePod {
  const since = entry.step === step ? entry.since : world.now.toISOString();
  return { ...without(entry, 'message', 'holders'), step, ...(since === undefined ? {} : { since }), ...rest };
}

function failed(world: World, entry: ActivePod, reason: string, message: string): PodOutcome {
  const { pod, uid, node } = entry;
  const failure: FailedPod = {
    pod,
    uid,
    ...(node === undefined ? {} : { node }),
    reason,
    message: message.slice(0, 1024),
    time: world.now.toISOString(),
  };
  return { failure, notes: [notes.failed(failure)] };
}

function deleteAction(pod: Pod, receipt: RecordedReceipt): Action {
  return { kind: 'delete', pod, receipt, note: notes.killing(pod, receipt) };
}

/** The deadline has passed and the pod is not drained: the policy decides. */
function overdue(c: PodCase, policy: Settings['onTimeout'], cause: { reason: string; message: string }): PodOutcome {
  const { world, settings, entry, pod, uid } = c;
  const overMs = world.now.getTime() - Date.parse(c.claim.deadline);
  const waitForMs = settings.maxTimeoutMs - settings.timeoutMs - overMs;
  const message = cause.message.slice(0, 1024);
  if (policy === 'Wait' && waitForMs > 0) {
    return { entry: withStep(world, entry, entry.step, { message }), wakeMs: waitForMs, ask: uid };
  }
  if (policy !== 'Force') return failed(world, entry, cause.reason, cause.message);
  // A delete does nothing on a node whose kubelet is away, and pods are never force-deleted.
  if (isNodeDown(world.nodes.get(pod.spec?.nodeName ?? '')))
    return failed(world, entry, 'NodeUnreachable', cause.message);
  const leftMs = settings.timeoutMs - world.watchedMs(uid);
  if (leftMs > 0) return { entry: withStep(world, entry, entry.step, { message }), wakeMs: leftMs, ask: uid };
  if (entry.receipt?.withoutReceipt !== undefined) {
    return { entry: withStep(world, entry, 'Drained'), actions: [deleteAction(pod, entry.receipt)] };
  }
  const receipt: RecordedReceipt = { withoutReceipt: message, forced: entry.sessions ?? 0 };
  return { entry: withStep(world, entry, 'Drained', { receipt }), notes: [notes.forcing(pod, message)] };
}

function unknownGate(c: PodCase, view: GateView | undefined): PodOutcome {
  const { world, settings, entry, pod, uid } = c;
  const text = view?.kind === 'unreachable' ? view.message : 'it has not been asked yet';
  const cause = causeOf(pod, world.nodes.get(pod.spec?.nodeName ?? ''), text);
  const leftMs = Date.parse(c.claim.deadline) - world.now.getTime();
  if (leftMs <= 0 && view !== undefined) return overdue(c, settings.onUnreachable, cause);
  return {
    entry: withStep(world, entry, entry.step, { message: cause.message.slice(0, 1024) }),
    wakeMs: Math.max(0, leftMs),
    ask: uid,
  };
}

function drained(c: PodCase, receipt: Receipt): PodOutcome {
  const { world, entry, pod } = c;
  const recorded = entry.receipt;
  if (recorded?.digest === receipt.digest && recorded.instance === receipt.instance) {
    return { entry: withStep(world, entry, 'Drained'), actions: [deleteAction(pod, recorded)] };
  }
  const fresh = recordReceipt(receipt);
  return {
    entry: withStep(world, entry, 'Drained', { receipt: fresh, gateState: 'CLOSED' }),
    notes: [notes.drained(pod, fresh, receipt)],
  };
}

/** A receipt counts only for this restart, this instance of the agent and this target. */
function validReceipt(c: PodCase, status: GateStatus, receipt: Receipt | undefined): Receipt | undefined {
  if (receipt?.restartUid !== uidOf(c.world.restart)) return undefined;
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

function knownGate(c: PodCase, status: GateStatus, given: Receipt | undefined): PodOutcome {
  const { world, settings, uid } = c;
  if (status.fencing > world.fencing) {
    return { entry: c.entry, actions: [{ kind: 'raiseFencing', above: status.fencing }], ask: uid };
  }
  const receipt = validReceipt(c, status, given);
  if (receipt !== undefined) return drained(c, receipt);
  const forcing = c.entry.receipt?.withoutReceipt !== undefined;
  const heard: ActivePod = {
    ...(forcing ? c.entry : without(c.entry, 'receipt')),
    sessions: status.sessions,
    gateState: gateStateName(status.state),
  };
  const leftMs = Date.parse(c.claim.deadline) - world.now.getTime();
  const holders = holderTexts(status);
  const step = status.state >= State.NOTIFIED ? 'Draining' : 'Cordoned';
  const entry = withStep(world, heard, step, holders.length === 0 ? {} : { holders });
  const foreign = status.restartUid !== '' && status.restartUid !== uidOf(world.restart);
  const waits = settings.onTimeout === 'Wait';
  const idleLate = status.state === State.SERVING && leftMs < calledOffMs && !waits;
  if (leftMs < -deadlineSlackMs || idleLate) {
    const outcome = overdue({ ...c, entry }, settings.onTimeout, notes.timeoutCause(c.pod, status, foreign));
    return waits && outcome.entry !== undefined ? { ...outcome, actions: gateActions(c, status, 0) } : outcome;
  }
  const leaseMs = durationToMs(status.leaseRemaining, cordonLeaseMs);
  const wakeMs = Math.max(0, Math.min(leftMs + deadlineSlackMs + 1, leaseMs - renewBelowMs + 1));
  if (foreign) {
    return {
      entry: { ...entry, message: notes.foreignCordon(status) },
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

/** The pod is gone or going: verify what takes its place. */
function afterKill(c: KilledCase): PodOutcome {
  const { world, settings, entry, pod } = c;
  const known = world.restart.status?.active?.some(({ uid }) => uid === entry.uid) ?? false;
  const unasked = entry.receipt === undefined && entry.step !== 'Killed' && entry.step !== 'Replaced';
  const told = unasked ? [notes.killedByOther(entry)] : [];
  const replacement = replacementOf(world, entry);
  const verdict = verdictOn(c, replacement);
  const lostWithout = entry.receipt === undefined ? (entry.sessions ?? 0) : 0;
  if (verdict.missing === undefined && known && !unasked) {
    return {
      done: { entry, resumed: verdict.resumed, lost: lostWithout },
      notes: replacement === undefined ? [] : [notes.replaced(entry, replacement, verdict.resumed)],
    };
  }
  const since = timeMs(replacement?.metadata.creationTimestamp ?? pod?.metadata.deletionTimestamp ?? entry.since);
  const deadlineMs = (since ?? world.now.getTime()) + settings.replacementTimeoutMs;
  const leftMs = deadlineMs - world.now.getTime();
  if (leftMs <= 0 && verdict.missing !== undefined) return replacementFailed(c, verdict);
  const step = replacement === undefined ? 'Killed' : 'Replaced';
  const next = withStep(world, entry, step, {
    ...(replacement === undefined ? {} : { replacement: replacement.metadata.name }),
    ...(verdict.missing === undefined ? {} : { message: verdict.missing.message.slice(0, 1024) }),
  });
  return {
    entry: next,
    notes: told,
    wakeMs: Math.min(leftMs, verdict.wakeMs ?? leftMs),
    ...(verdict.ask === true && replacement !== undefined ? { ask: uidOf(replacement) } : {}),
  };
}

function replacementFailed({ world, entry }: KilledCase, verdict: Verdict): PodOutcome {
  const down = isNodeDown(world.nodes.get(entry.node ?? ''));
  const reason = down ? 'NodeUnreachable' : (verdict.missing?.reason ?? 'ReplacementNotReady');
  const text = down ? `Node ${entry.node ?? ''} is not ready. ` : '';
  const outcome = failed(world, entry, reason, `${text}${verdict.missing?.message ?? ''}`);
  const lost = reason === 'SessionsNotRestored' ? (entry.receipt?.checkpointed ?? 0) - verdict.resumed : 0;
  return { ...outcome, done: { entry, resumed: verdict.resumed, lost } };
}

function releaseAction(world: World, pod: Pod, why: string): Action {
  const view = world.gates.get(uidOf(pod));
  const mine = view?.kind !== 'answered' || view.status.restartUid === uidOf(world.restart);
  return { kind: 'release', pod, uncordon: mine, note: notes.released(pod, why) };
}

/** Next step of one pod that this restart has claimed or recorded. */
function podStep(world: World, settings: Settings, uid: string, stop: string | undefined): PodOutcome {
  const pod = world.pods.find((candidate) => uidOf(candidate) === uid);
  const claim = pod === undefined ? undefined : claimOf(pod);
  const mine = claim?.restart === uidOf(world.restart);
  const recorded = world.restart.status?.active?.find((entry) => entry.uid === uid);
  const failure = world.restart.status?.failures?.find((entry) => entry.uid === uid);
  if (pod === undefined) return recorded === undefined ? {} : afterKill({ world, settings, entry: recorded, pod });
  if (failure !== undefined) {
    return isTerminating(pod) || !mine
      ? {}
      : { actions: [releaseAction(world, pod, failure.message ?? failure.reason)] };
  }
  const entry = entryOf(world, pod, mine ? claim : undefined);
  if (isTerminating(pod)) return afterKill({ world, settings, entry, pod });
  if (!mine) return {};
  if (stop !== undefined) return { entry, actions: [releaseAction(world, pod, stop)] };
  const c: PodCase = { world, settings, uid, pod, claim, entry };
  const view = world.gates.get(uid);
  return view?.kind === 'answered' ? knownGate(c, view.status, view.receipt) : unknownGate(c, view);
}

/** Uids of the pods under way: claimed by this restart, or recorded in its status. */
function underWayOf(world: World): Set<string> {
  const uid = uidOf(world.restart);
  const claimed = world.pods.filter((pod) => claimOf(pod)?.restart === uid).map(uidOf);
  return new Set([...(world.restart.status?.active ?? []).map((entry) => entry.uid), ...claimed]);
}

/** Why a restart that has started goes no further; undefined while it goes on. */
function stopOf(world: World, settings: Settings, failures: readonly FailedPod[]): Course | undefined {
  const { restart, rivals, now, target } = world;
  const standing = standingOf(restart, rivals, now);
  if (restart.spec.abort === true) return courses.aborted();
  if (standing.kind === 'superseded') return courses.superseded(standing.rival);
  if (target === undefined || isTerminating(target)) return courses.targetGone(restart);
  const broken = failures.find(({ reason }) => reason === 'ReplacementNotReady' || reason === 'SessionsNotRestored');
  if (broken !== undefined) return courses.failed(broken.reason, broken.message ?? broken.reason);
  if (failures.length > settings.maxFailedPods) return courses.tooManyFailed(failures, settings.maxFailedPods);
  const receipts = (restart.status?.active ?? []).map(({ receipt }) => receipt?.forced ?? 0);
  const forced = receipts.reduce((sum, count) => sum + count, restart.status?.sessions?.forced ?? 0);
  return forced > settings.maxForcedSessions ? courses.tooManyForced(forced, settings.maxForcedSessions) : undefined;
}

/** Why a restart that has not started does not start; undefined when it starts now. */
function holdOf(world: World): { course: Course; wakeMs?: number } | undefined {
  const { restart, rivals, now, target } = world;
  const standing = standingOf(restart, rivals, now);
  if (restart.spec.abort === true) return { course: courses.aborted() };
  if (standing.kind === 'superseded') return { course: courses.superseded(standing.rival) };
  if (target === undefined) return { course: courses.targetMissing(restart) };
  if (target.spec?.updateStrategy?.type !== 'OnDelete') return { course: courses.unsafeStrategy(target) };
  const dueMs = dueInMs(restart, now);
  if (dueMs > 0) return { course: courses.scheduled(restart), wakeMs: dueMs };
  if (restart.spec.paused === true) return { course: courses.paused() };
  if (standing.kind === 'wait') return { course: courses.waiting(standing.rival) };
  if (restart.spec.dryRun === true) return { course: courses.dryRun(outstandingPods(world)) };
  return undefined;
}

const idle: Decision = { status: undefined, notes: [], actions: [], askAgain: [], requeueAfterMs: undefined };

function hasFinalizer(restart: PanelRestart): boolean {
  return restart.metadata.finalizers?.includes(uncordonFinalizer) ?? false;
}

/** The restart is over or being deleted: give back what it holds, then let it go. */
function letGo(world: World, why: string): Decision {
  const { restart, now } = world;
  const held = world.pods.filter((pod) => claimOf(pod)?.restart === uidOf(restart) && !isTerminating(pod));
  if (held.length > 0) return { ...idle, actions: held.map((pod) => releaseAction(world, pod, why)) };
  if (hasFinalizer(restart)) return { ...idle, actions: [{ kind: 'removeFinalizer' }] };
  const { completionTime, observedGeneration } = restart.status ?? {};
  if (isTerminating(restart) || completionTime === undefined) return idle;
  const generation = restart.metadata.generation ?? observedGeneration;
  const status =
    generation === observedGeneration || generation === undefined
      ? undefined
      : { ...restart.status, observedGeneration: generation };
  const ttl = restart.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return { ...idle, status };
  const leftMs = Date.parse(completionTime) + ttl * 1000 - now.getTime();
  if (leftMs > 0) return { ...idle, status, requeueAfterMs: leftMs };
  return { ...idle, status, actions: [{ kind: 'removeRestart' }] };
}

/** Pods to claim now, or how long to wait until some may be. */
function startsOf(world: World, settings: Settings, underWay: ReadonlySet<string>): { pods: Pod[]; wakeMs?: number } {
  const settledInMs = settleMs - world.watchedMs(uidOf(world.restart));
  if (settledInMs > 0) return { pods: [], wakeMs: settledInMs };
  const rivals = new Set(world.rivals.map(uidOf));
  const pods = podsToStart(world, settings.maxUnavailable, underWay);
  return { pods: pods.filter((pod) => !rivals.has(claimOf(pod)?.restart ?? '')) };
}

function claimAction(world: World, settings: Settings, pod: Pod): Action {
  const claim: Claim = {
    restart: uidOf(world.restart),
    deadline: new Date(world.now.getTime() + settings.timeoutMs).toISOString(),
    fencing: world.fencing,
    generation: world.restart.metadata.generation ?? 0,
  };
  return { kind: 'claim', pod, claim, note: notes.claimed(pod, settings) };
}

function run(world: World, settings: Settings): Decision {
  const { restart } = world;
  const priorFailures = restart.status?.failures ?? [];
  const stop = stopOf(world, settings, priorFailures);
  const outcomes = [...underWayOf(world)].map((uid) => podStep(world, settings, uid, stop?.message));
  const fresh = outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const stopping = stop ?? stopOf(world, settings, [...priorFailures, ...fresh]);
  const outstanding = outstandingPods(world);
  const busy = fresh.length > 0 || outcomes.some(({ entry, actions }) => entry !== undefined || actions !== undefined);
  const unsafe = world.target?.spec?.updateStrategy?.type !== 'OnDelete';
  const held = stopping !== undefined || restart.spec.paused === true || unsafe;
  const active = new Set(outcomes.flatMap(({ entry }) => (entry === undefined ? [] : [entry.uid])));
  const starts = held || !hasFinalizer(restart) ? { pods: [] } : startsOf(world, settings, active);
  const over = !busy && (stopping !== undefined || outstanding.length === 0);
  const course = courses.running({ world, stop: stopping, over, unsafe, failures: [...priorFailures, ...fresh] });
  const actions = outcomes.flatMap((outcome) => outcome.actions ?? []);
  const told = outcomes.flatMap((outcome) => outcome.notes ?? []);
  if (!hasFinalizer(restart) && !over) actions.unshift({ kind: 'addFinalizer' });
  const wakes = [...outcomes.map(({ wakeMs }) => wakeMs), starts.wakeMs].filter((ms) => ms !== undefined);
  return {
    status: assembleStatus(world, { course, outcomes, pending: outstanding.length }),
    notes: over ? [...told, ...newsOf(restart, course)] : [...newsOf(restart, course), ...told],
    actions: [...actions, ...starts.pods.map((pod) => claimAction(world, settings, pod))],
    askAgain: outcomes.flatMap(({ ask }) => (ask === undefined ? [] : [ask])),
    requeueAfterMs: wakes.length === 0 ? undefined : Math.max(0, Math.min(...wakes)),
  };
}

/**
 * Derives what to do next for one restart from what the world is, and from nothing else: whoever asks, and whatever
 * happened to the one who asked before, the answer is the same. The order it keeps for each pod: claim, cordon, drain,
 * write the receipt down, delete, verify the replacement, write the result down.
 */
export function nextSteps(world: World): Decision {
  const { restart } = world;
  if (isTerminating(restart)) return letGo(world, 'The restart was deleted.');
  if (isFinished(restart)) return letGo(world, 'The restart is over.');
  const settings = settingsOf(restart, world.target);
  if (restart.status?.startTime !== undefined) return run(world, settings);
  const hold = holdOf(world);
  if (hold === undefined) return run(world, settings);
  const status = assembleStatus(world, { course: hold.course, outcomes: [], pending: outstandingPods(world).length });
  return { ...idle, status, notes: newsOf(restart, hold.course), requeueAfterMs: hold.wakeMs };
}

/** Uids of the pods whose gates have to be asked before {@link nextSteps}: those under way and what replaces them. */
export function gatesToAsk(world: Omit<World, 'gates'>): string[] {
  const { restart, pods } = world;
  const own = pods.filter((pod) => claimOf(pod)?.restart === uidOf(restart));
  const places = new Set((restart.status?.active ?? []).map(({ node }) => node));
  const asked = [...own, ...pods.filter((pod) => places.has(pod.spec?.nodeName))];
  return [...new Set(asked.filter((pod) => !isTerminating(pod)).map(uidOf))];
}

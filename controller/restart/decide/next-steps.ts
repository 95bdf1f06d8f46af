import type { Pod } from '#kube/objects.js';
import { uncordonFinalizer, type Claim } from '../api/annotations.js';
import { waitingReasonOf } from '../facts/containers.js';
import { phaseDecisions, phaseEvents, type PhaseDecision } from './phase.js';
import { newClaim } from './new-claim.js';
import { roomFor, selectsNothing } from './outstanding-pods.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import type { PodOutcome } from './pod-outcome.js';
import { heldBy, podStep, returned } from './pod-step.js';
import type { SpareRoom } from './surge-step.js';
import { previewOf, previewText, type Preview } from './preview.js';
import { replacementOf } from './replacement.js';
import { reportOf } from './target-result.js';
import { isOnDelete } from '../facts/revisions.js';
import { events } from '../api/events.js';
import { settingsOf, type Settings } from '../api/settings.js';
import { dueInMs, precedenceOf } from './precedence.js';
import { budgetProblem, isBesideStage, nextPodsOf, type NextPods, type Start } from './next-pods.js';
import { assembleStatus, retiringStatus } from './status.js';
import { isFinished, type FailedPod, type PanelRestart } from '../api/panel-restart.js';
import type { Action, Decision, Snapshot } from './snapshot.js';

/** Uids of the pods under way: claimed by this restart, or recorded in its status. */
function underWayOf(snapshot: Snapshot): Set<string> {
  const uid = uidOf(snapshot.restart);
  const claimed = snapshot.pods.claimedBy(uid).map(uidOf);
  return new Set([...(snapshot.restart.status?.active ?? []).map((entry) => entry.uid), ...claimed]);
}

/** Failures of a pod after which no other is touched: they say that what takes its place does not work. */
const brokenReasons: ReadonlySet<string> = new Set(['ReplacementNotReady', 'ReplacementStuck', 'SessionsNotRestored']);

/** Why a restart that has started goes no further; undefined while it goes on. */
function stopOf(snapshot: Snapshot, settings: Settings, failures: readonly FailedPod[]): PhaseDecision | undefined {
  const { restart, target } = snapshot;
  const precedence = precedenceOf(restart, snapshot);
  if (isTerminating(restart)) return phaseDecisions.deleted();
  if (restart.spec.abort === true) return phaseDecisions.aborted();
  if (precedence.kind === 'superseded') return phaseDecisions.superseded(precedence.by);
  if (target === undefined || isTerminating(target)) return phaseDecisions.targetGone(restart);
  const broken = failures.find(({ reason }) => brokenReasons.has(reason));
  if (broken !== undefined) return phaseDecisions.failed(broken.reason, broken.message ?? broken.reason);
  if (failures.length > settings.maxFailedPods) return phaseDecisions.tooManyFailed(failures, settings.maxFailedPods);
  const receipts = (restart.status?.active ?? []).map(({ receipt }) => receipt?.forced ?? 0);
  const forced = receipts.reduce((sum, count) => sum + count, restart.status?.sessions?.forced ?? 0);
  return forced > settings.maxForcedSessions
    ? phaseDecisions.tooManyForced(forced, settings.maxForcedSessions)
    : undefined;
}

/**
 * A restart that fails finishes what is drained already: the sessions that were forced have ended, and giving the pod
 * back would only take their number out of the count. An abort gives back what it can.
 */
function isFinishedUnder(stop: PhaseDecision, restart: PanelRestart, uid: string): boolean {
  const receipt = restart.status?.active?.find((entry) => entry.uid === uid)?.receipt;
  return stop.phase === 'Failed' && stop.reason !== 'TargetNotFound' && receipt !== undefined;
}

/** What makes it impossible to go on until a person changes something about the target; undefined when nothing does. */
function blockOf(snapshot: Snapshot): PhaseDecision | undefined {
  const { target } = snapshot;
  if (target !== undefined && !isOnDelete(target)) return phaseDecisions.unsafeStrategy(target);
  const problem = budgetProblem(snapshot);
  return problem === undefined ? undefined : phaseDecisions.unsupportedBudget(problem);
}

/** A replacement that does not run, in its kubelet's words: nobody has to wait for the time limit to see why. */
function stuckOf(snapshot: Snapshot, outcomes: readonly PodOutcome[]): PhaseDecision | undefined {
  for (const { entry } of outcomes) {
    if ((entry?.step !== 'Replaced' && entry?.step !== 'Warm') || entry.message === undefined) continue;
    const replacement = replacementOf(snapshot, entry);
    if (replacement !== undefined && waitingReasonOf(replacement) !== undefined)
      return phaseDecisions.replacementStuck(entry.message);
  }
  return undefined;
}

/** Why a restart that has not started does not start. */
interface Hold {
  readonly phaseDecision: PhaseDecision;
  readonly wakeMs?: number;
  readonly preview?: Preview;
}

function dryRunOf(snapshot: Snapshot): Hold {
  const settings = settingsOf(snapshot.restart, snapshot.target);
  const pods = snapshot.outstanding;
  const preview = previewOf(snapshot, pods, settings);
  return { phaseDecision: phaseDecisions.dryRun(previewText(pods, preview, settings)), preview };
}

function holdOf(snapshot: Snapshot): Hold | undefined {
  const { restart, now, target } = snapshot;
  const precedence = precedenceOf(restart, snapshot);
  if (restart.spec.abort === true) return { phaseDecision: phaseDecisions.aborted() };
  if (precedence.kind === 'superseded') return { phaseDecision: phaseDecisions.superseded(precedence.by) };
  if (target === undefined) return { phaseDecision: phaseDecisions.targetMissing(restart) };
  const block = blockOf(snapshot);
  if (block !== undefined) return { phaseDecision: block };
  const dueMs = dueInMs(restart, now);
  if (dueMs > 0) return { phaseDecision: phaseDecisions.scheduled(restart), wakeMs: dueMs };
  if (restart.spec.paused === true) return { phaseDecision: phaseDecisions.paused() };
  if (restart.spec.dryRun === true) return dryRunOf(snapshot);
  if (precedence.kind === 'wait') return { phaseDecision: phaseDecisions.waiting(precedence.rival) };
  if (selectsNothing(snapshot)) return { phaseDecision: phaseDecisions.nothingSelected(restart) };
  return undefined;
}

const idle: Decision = { status: undefined, events: [], actions: [], askAgain: [], requeueAfterMs: undefined };

function hasFinalizer(restart: PanelRestart): boolean {
  return restart.metadata.finalizers?.includes(uncordonFinalizer) ?? false;
}

/** Pods that the restart has and that are not going. */
function heldPods(snapshot: Snapshot): { readonly pod: Pod; readonly claim: Claim }[] {
  const pods = snapshot.pods.claimedBy(uidOf(snapshot.restart)).filter((pod) => !isTerminating(pod));
  return pods.flatMap((pod) => {
    const claim = heldBy(snapshot, pod);
    return claim === undefined ? [] : [{ pod, claim }];
  });
}

/** The restart is over or being deleted: give back what it holds, then let it go. */
function letGo(snapshot: Snapshot, settings: Settings, why: string): Decision {
  const { restart, now } = snapshot;
  const outcomes = heldPods(snapshot).map(({ pod, claim }) => returned({ snapshot, settings, pod, claim }, why));
  if (outcomes.length > 0) {
    const wakes = outcomes.flatMap(({ wakeMs }) => wakeMs ?? []);
    return {
      ...idle,
      actions: outcomes.flatMap(({ actions = [] }) => actions),
      askAgain: outcomes.flatMap(({ ask }) => ask ?? []),
      requeueAfterMs: wakes.length === 0 ? undefined : Math.min(...wakes),
    };
  }
  if (hasFinalizer(restart)) return { ...idle, actions: [{ kind: 'removeFinalizer' }] };
  const { completionTime, observedGeneration } = restart.status ?? {};
  if (isTerminating(restart) || completionTime === undefined) return idle;
  const report = reportOf(snapshot);
  const actions = report === undefined ? [] : [report];
  const generation = restart.metadata.generation ?? observedGeneration;
  const told = retiringStatus(snapshot);
  const status =
    generation === observedGeneration || generation === undefined
      ? told
      : { ...(told ?? restart.status), observedGeneration: generation };
  const ttl = restart.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return { ...idle, status, actions };
  const leftMs = Date.parse(completionTime) + ttl * 1000 - now.getTime();
  if (leftMs > 0) return { ...idle, status, actions, requeueAfterMs: leftMs };
  return { ...idle, status, actions: [...actions, { kind: 'removeRestart' }] };
}

function claimAction(snapshot: Snapshot, settings: Settings, { pod, isBeside }: Start): Action {
  const { target } = snapshot;
  if (isBeside && target !== undefined) {
    const claim = newClaim(snapshot, settings.warmTimeoutMs, 'warm');
    return { kind: 'detach', pod, target, claim, event: events.warming(pod, settings) };
  }
  return { kind: 'claim', pod, claim: newClaim(snapshot, settings.timeoutMs), event: events.claimed(pod, settings) };
}

/** What is left of `maxUnavailable` for pods that were to have a replacement beside them, and do not get one. */
function roomLeft(snapshot: Snapshot, settings: Settings): SpareRoom {
  let left: number | undefined;
  const take = (): boolean => {
    left ??= countLeft(snapshot, settings);
    return left-- > 0;
  };
  return { take };
}

function countLeft(snapshot: Snapshot, settings: Settings): number {
  const { pods, restart } = snapshot;
  const claimed = pods.claimedBy(uidOf(restart)).filter((pod) => !isBesideStage(pods.claimOn(pod)?.surge));
  const gone = (restart.status?.active ?? []).filter(({ uid }) => pods.withUid(uid) === undefined);
  const away = new Set([...claimed.map(uidOf), ...gone.map(({ uid }) => uid)]);
  return roomFor(snapshot, settings.maxUnavailable, away).count;
}

function run(snapshot: Snapshot, settings: Settings): Decision {
  const { restart } = snapshot;
  const room = roomLeft(snapshot, settings);
  const priorFailures = restart.status?.failures ?? [];
  const stop = stopOf(snapshot, settings, priorFailures);
  const outcomes = [...underWayOf(snapshot)].map((uid) => {
    const goesOn = stop === undefined || isFinishedUnder(stop, restart, uid);
    return podStep(snapshot, settings, { uid, stop: goesOn ? undefined : stop.message, room });
  });
  const fresh = outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const stopping = stop ?? stopOf(snapshot, settings, [...priorFailures, ...fresh]);
  const { outstanding } = snapshot;
  // One that failed and cannot be given back yet is given back once the restart is over.
  const isAtWork = ({ entry, actions = [] }: PodOutcome): boolean => entry !== undefined || actions.length > 0;
  const busy = fresh.length > 0 || outcomes.some(isAtWork);
  const block = blockOf(snapshot) ?? stuckOf(snapshot, outcomes);
  const held = stopping !== undefined || restart.spec.paused === true || block !== undefined;
  const active = outcomes.flatMap(({ entry }) => entry ?? []);
  const starts: NextPods = held || !hasFinalizer(restart) ? { pods: [] } : nextPodsOf(snapshot, settings, active);
  const over = !busy && (stopping !== undefined || outstanding.length === 0);
  const failures = [...priorFailures, ...fresh];
  const phaseDecision = phaseDecisions.running({ snapshot, stop: stopping, over, block, wait: starts.wait, failures });
  const actions = outcomes.flatMap((outcome) => outcome.actions ?? []);
  const told = outcomes.flatMap((outcome) => outcome.events ?? []);
  if (!hasFinalizer(restart) && !over && !isTerminating(restart)) actions.unshift({ kind: 'addFinalizer' });
  const wakes = [...outcomes.map(({ wakeMs }) => wakeMs), starts.wakeMs].filter((ms) => ms !== undefined);
  return {
    status: assembleStatus(snapshot, { phaseDecision, outcomes, pending: outstanding.length }),
    events: over
      ? [...told, ...phaseEvents(restart, phaseDecision)]
      : [...phaseEvents(restart, phaseDecision), ...told],
    actions: [...actions, ...starts.pods.map((start) => claimAction(snapshot, settings, start))],
    askAgain: outcomes.flatMap(({ ask }) => (ask === undefined ? [] : [ask])),
    requeueAfterMs: wakes.length === 0 ? undefined : Math.max(0, Math.min(...wakes)),
  };
}

/**
 * Derives what to do next for one restart from what the world is, and from nothing else: whoever asks, and whatever
 * happened to the one who asked before, the answer is the same. The order it keeps for each pod: claim, cordon, drain,
 * write the receipt down, delete, verify the replacement, write the result down.
 */
export function nextSteps(snapshot: Snapshot): Decision {
  const { restart } = snapshot;
  const settings = settingsOf(restart, snapshot.target);
  if (isFinished(restart)) return letGo(snapshot, settings, 'The restart is over.');
  if (isTerminating(restart)) {
    // What has begun to move to the replacement is finished.
    const isMoving = heldPods(snapshot).some(({ claim }) => claim.surge === 'beside');
    return isMoving ? run(snapshot, settings) : letGo(snapshot, settings, phaseDecisions.deleted().message);
  }
  if (restart.status?.startTime !== undefined) return run(snapshot, settings);
  const hold = holdOf(snapshot);
  if (hold === undefined) return run(snapshot, settings);
  const { phaseDecision, preview } = hold;
  const pending = snapshot.outstanding.length;
  const status = assembleStatus(snapshot, {
    phaseDecision,
    outcomes: [],
    pending,
    ...(preview === undefined ? {} : { preview }),
  });
  return { ...idle, status, events: phaseEvents(restart, phaseDecision), requeueAfterMs: hold.wakeMs };
}

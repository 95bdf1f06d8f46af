import type { Pod } from '#kube/objects.js';
import { uncordonFinalizer, type Claim } from '../api/annotations.js';
import { waitingReasonOf } from '../facts/containers.js';
import { phaseDecisions, phaseEvents, type PhaseDecision } from './phase.js';
import { gatePodOf } from '../facts/gate-provider.js';
import { selectsNothing } from './outstanding-pods.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import type { PodOutcome } from './pod-outcome.js';
import { podStep, releaseAction } from './pod-step.js';
import { maxPreviewed, previewOf, previewText, type Preview } from './preview.js';
import { replacementOf } from './replacement.js';
import { reportOf } from './target-result.js';
import { isOnDelete } from '../facts/revisions.js';
import { events } from '../api/events.js';
import { settingsOf, type Settings } from '../api/settings.js';
import { dueInMs, precedenceOf } from './precedence.js';
import { budgetProblem, nextPodsOf, type NextPods } from './next-pods.js';
import { assembleStatus } from './status.js';
import { isFinished, type FailedPod, type PanelRestart } from '../api/panel-restart.js';
import type { Action, Decision, Snapshot } from './snapshot.js';

/** Uids of the pods under way: claimed by this restart, or recorded in its status. */
function underWayOf(snapshot: Snapshot): Set<string> {
  const uid = uidOf(snapshot.restart);
  const claimed = snapshot.pods.claimedBy(uid).map(uidOf);
  return new Set([...(snapshot.restart.status?.active ?? []).map((entry) => entry.uid), ...claimed]);
}

/** Why a restart that has started goes no further; undefined while it goes on. */
function stopOf(snapshot: Snapshot, settings: Settings, failures: readonly FailedPod[]): PhaseDecision | undefined {
  const { restart, target } = snapshot;
  const precedence = precedenceOf(restart, snapshot);
  if (restart.spec.abort === true) return phaseDecisions.aborted();
  if (precedence.kind === 'superseded') return phaseDecisions.superseded(precedence.by);
  if (target === undefined || isTerminating(target)) return phaseDecisions.targetGone(restart);
  const broken = failures.find(({ reason }) => reason === 'ReplacementNotReady' || reason === 'SessionsNotRestored');
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
    if (entry?.step !== 'Replaced' || entry.message === undefined) continue;
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

/** The restart is over or being deleted: give back what it holds, then let it go. */
function letGo(snapshot: Snapshot, why: string): Decision {
  const { restart, now } = snapshot;
  const held = snapshot.pods.claimedBy(uidOf(restart)).filter((pod) => !isTerminating(pod));
  if (held.length > 0) return { ...idle, actions: held.map((pod) => releaseAction(snapshot, pod, why)) };
  if (hasFinalizer(restart)) return { ...idle, actions: [{ kind: 'removeFinalizer' }] };
  const { completionTime, observedGeneration } = restart.status ?? {};
  if (isTerminating(restart) || completionTime === undefined) return idle;
  const report = reportOf(snapshot);
  const actions = report === undefined ? [] : [report];
  const generation = restart.metadata.generation ?? observedGeneration;
  const status =
    generation === observedGeneration || generation === undefined
      ? undefined
      : { ...restart.status, observedGeneration: generation };
  const ttl = restart.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return { ...idle, status, actions };
  const leftMs = Date.parse(completionTime) + ttl * 1000 - now.getTime();
  if (leftMs > 0) return { ...idle, status, actions, requeueAfterMs: leftMs };
  return { ...idle, status, actions: [...actions, { kind: 'removeRestart' }] };
}

function claimAction(snapshot: Snapshot, settings: Settings, pod: Pod): Action {
  const claim: Claim = {
    restart: uidOf(snapshot.restart),
    deadline: new Date(snapshot.now.getTime() + settings.timeoutMs).toISOString(),
    fencing: snapshot.fencing,
    generation: snapshot.restart.metadata.generation ?? 0,
  };
  return { kind: 'claim', pod, claim, event: events.claimed(pod, settings) };
}

function run(snapshot: Snapshot, settings: Settings): Decision {
  const { restart } = snapshot;
  const priorFailures = restart.status?.failures ?? [];
  const stop = stopOf(snapshot, settings, priorFailures);
  const outcomes = [...underWayOf(snapshot)].map((uid) => {
    const goesOn = stop === undefined || isFinishedUnder(stop, restart, uid);
    return podStep(snapshot, settings, uid, goesOn ? undefined : stop.message);
  });
  const fresh = outcomes.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const stopping = stop ?? stopOf(snapshot, settings, [...priorFailures, ...fresh]);
  const { outstanding } = snapshot;
  const busy = fresh.length > 0 || outcomes.some(({ entry, actions }) => entry !== undefined || actions !== undefined);
  const block = blockOf(snapshot) ?? stuckOf(snapshot, outcomes);
  const held = stopping !== undefined || restart.spec.paused === true || block !== undefined;
  const active = new Set(outcomes.flatMap(({ entry }) => (entry === undefined ? [] : [entry.uid])));
  const starts: NextPods = held || !hasFinalizer(restart) ? { pods: [] } : nextPodsOf(snapshot, settings, active);
  const over = !busy && (stopping !== undefined || outstanding.length === 0);
  const failures = [...priorFailures, ...fresh];
  const phaseDecision = phaseDecisions.running({ snapshot, stop: stopping, over, block, wait: starts.wait, failures });
  const actions = outcomes.flatMap((outcome) => outcome.actions ?? []);
  const told = outcomes.flatMap((outcome) => outcome.events ?? []);
  if (!hasFinalizer(restart) && !over) actions.unshift({ kind: 'addFinalizer' });
  const wakes = [...outcomes.map(({ wakeMs }) => wakeMs), starts.wakeMs].filter((ms) => ms !== undefined);
  return {
    status: assembleStatus(snapshot, { phaseDecision, outcomes, pending: outstanding.length }),
    events: over
      ? [...told, ...phaseEvents(restart, phaseDecision)]
      : [...phaseEvents(restart, phaseDecision), ...told],
    actions: [...actions, ...starts.pods.map((pod) => claimAction(snapshot, settings, pod))],
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
  if (isTerminating(restart)) return letGo(snapshot, 'The restart was deleted.');
  if (isFinished(restart)) return letGo(snapshot, 'The restart is over.');
  const settings = settingsOf(restart, snapshot.target);
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

/** A pod about which a gate has to be asked, and the pod whose gate that is; undefined when nobody answers for it. */
export interface GateQuestion {
  readonly uid: string;
  readonly gate: Pod | undefined;
}

/** Gates to ask before {@link nextSteps}: of the pods under way and of what replaces them; for a dry run, of all. */
export function gatesToAsk(snapshot: Omit<Snapshot, 'gates'>): GateQuestion[] {
  const { restart, pods, outstanding, gateProviders } = snapshot;
  const dryRun = restart.spec.dryRun === true && !isFinished(restart);
  const own = dryRun ? outstanding.slice(0, maxPreviewed) : pods.claimedBy(uidOf(restart));
  const active = restart.status?.active ?? [];
  const places = new Set(active.map(({ node }) => node));
  const asked = [...own, ...[...places].flatMap((node) => pods.onNode(node))];
  const questions = asked
    .filter((pod) => !isTerminating(pod))
    .map((pod) => ({ uid: uidOf(pod), gate: gatePodOf(gateProviders, pod) }));
  // Whoever answers for a pod that is gone is still there.
  const gone = active.filter(({ uid }) => gateProviders !== undefined && pods.withUid(uid) === undefined);
  const left = gone.map(({ uid, node }) => ({ uid, gate: gateProviders?.get(node ?? '') }));
  return [...new Map([...questions, ...left].map((question) => [question.uid, question])).values()];
}

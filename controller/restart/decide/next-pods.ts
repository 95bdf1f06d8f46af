import { nodeNameOf } from '#common/daemon-placement.js';
import type { Pod } from '#kube/objects.js';
import { detachedBy, type SurgeStage } from '../api/annotations.js';
import type { ActivePod } from '../api/panel-restart.js';
import { budgetsOf, createAllowance, unsupportedBudget, type Allowance } from '../facts/budgets.js';
import { waitingReasonOf, waitingReasonText } from '../facts/containers.js';
import { surgeProblem } from '../facts/surge.js';
import { maxActivePods, maxSurgeOf, maxUnavailableOf, roomFor } from './outstanding-pods.js';
import { isPodReady, isTerminating, uidOf } from '../facts/pods.js';
import { events } from '../api/events.js';
import { Target } from '#proto/gate/v1/gate.js';
import type { Settings } from '../api/settings.js';
import { canRetire, retiringText } from './retire.js';
import type { Snapshot } from './snapshot.js';

/**
 * Creation times are whole seconds. Waiting this long after the request is first seen makes every replacement
 * younger than the request, whatever the clocks say, so that none is restarted twice.
 */
const settleMs = 1_000;

/** What keeps a restart from starting its next pod. */
export interface Wait {
  /** In one word. */
  readonly reason:
    'PodsNotReady' | 'NodeBusy' | 'RolloutAhead' | 'DisruptionBudget' | 'CannotSurge' | 'TooManyRetiring';
  readonly message: string;
}

/** A pod to claim. */
export interface Start {
  readonly pod: Pod;
  /** True when its replacement is made beside it. */
  readonly isBeside: boolean;
}

/** Pods to claim now, or how long to wait until some may be, or what for. */
export interface NextPods {
  readonly pods: readonly Start[];
  readonly wakeMs?: number;
  /** Set when nothing is under way and nothing may be started. */
  readonly wait?: Wait;
}

/** Why budgets would never let any of these pods go, in a sentence; undefined when they may. */
export function budgetProblem(snapshot: Snapshot): string | undefined {
  const { budgets, pods } = snapshot;
  // What one budget alone does is the same for every pod that it is for.
  if (budgets.length < 2 && unsupportedBudget(budgets) === undefined) return undefined;
  for (const pod of pods.all) {
    const problem = unsupportedBudget(budgetsOf(budgets, pod));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** True for a pod that has its replacement beside it, or is to have it: it takes nothing away. */
export function isBesideStage(surge: SurgeStage | undefined): boolean {
  return surge !== undefined && surge !== 'alone';
}

/** Chooses the pods to start: in the order of the plan, where no neighbour is at work, as budgets allow. */
export function nextPodsOf(snapshot: Snapshot, settings: Settings, underWay: readonly ActivePod[]): NextPods {
  const settledInMs = settleMs - snapshot.watchedMs(uidOf(snapshot.restart));
  if (settledInMs > 0) return { pods: [], wakeMs: settledInMs };
  if (snapshot.rolloutAhead !== undefined) {
    if (underWay.length > 0 || snapshot.outstanding.length === 0) return { pods: [] };
    return { pods: [], wait: { reason: 'RolloutAhead', message: snapshot.rolloutAhead } };
  }
  const places = placesFor(snapshot, settings, underWay);
  const known = underWay.flatMap(({ uid }) => snapshot.pods.withUid(uid) ?? []);
  const aboutToGo = known.filter((pod) => !isTerminating(pod));
  const choice = choose(snapshot, settings, places, createAllowance(snapshot.budgets, aboutToGo));
  const { pods, waits, isWaiting } = choice;
  if (pods.length > 0 || underWay.length > 0 || !isWaiting) return { pods };
  if (places.unavailable === 0 && waits.length === 0) {
    const limit = maxUnavailableOf(settings.maxUnavailable, snapshot.pods.size);
    waits.push({ reason: 'PodsNotReady', message: events.awayFor(places.away.map(awayText), limit) });
  }
  const [wait] = waits;
  return { pods, ...(wait === undefined ? {} : { wait }) };
}

/** How many pods may be started, each way. */
interface Places {
  readonly beside: number;
  readonly unavailable: number;
  /** Whether a pod may ever go without a replacement beside it. */
  readonly isNoneUnavailable: boolean;
  readonly away: readonly Pod[];
}

function placesFor(snapshot: Snapshot, settings: Settings, underWay: readonly ActivePod[]): Places {
  // One that was to have its replacement beside it keeps that place: where it found no room, the next one hardly does.
  const beside = underWay.filter(({ surge }) => surge !== undefined).length;
  const alone = new Set(underWay.filter(({ surge }) => !isBesideStage(surge)).map(({ uid }) => uid));
  const { count, away } = roomFor(snapshot, settings.maxUnavailable, alone);
  const total = snapshot.pods.size;
  const rest = maxActivePods - underWay.length;
  const isNoneUnavailable = maxUnavailableOf(settings.maxUnavailable, total) === 0;
  return {
    beside: Math.min(rest, maxSurgeOf(settings.maxSurge, total) - beside),
    // Then only one that is not ready goes so: it takes nothing away.
    unavailable: isNoneUnavailable ? Math.max(0, 1 - alone.size) : count,
    isNoneUnavailable,
    away,
  };
}

interface Choice {
  readonly pods: Start[];
  readonly waits: Wait[];
  readonly isWaiting: boolean;
}

function choose(snapshot: Snapshot, settings: Settings, places: Places, allowance: Allowance): Choice {
  const rivals = new Set(snapshot.rivals.map(uidOf));
  const pods: Start[] = [];
  const waits: Wait[] = [];
  let { beside, unavailable } = places;
  let isWaiting = false;
  for (const pod of snapshot.outstanding) {
    if (rivals.has(snapshot.pods.claimOn(pod)?.restart ?? '')) continue;
    // Another restart, which is over or gone, has yet to give it back.
    if (detachedBy(pod) !== undefined && detachedBy(pod) !== uidOf(snapshot.restart)) continue;
    isWaiting = true;
    // Asked with the next look, when its turn comes.
    if (
      canRetire(snapshot, settings, pod) === undefined &&
      snapshot.retiring.beside(pod).length < settings.maxRetiring
    ) {
      waits.push(...busyWaits(snapshot, pod));
      continue;
    }
    const problem = besideProblem(snapshot, settings, pod);
    if (problem !== undefined && places.isNoneUnavailable && isPodReady(pod)) {
      waits.push({ reason: 'CannotSurge', message: events.cannotSurge(pod, problem) });
      continue;
    }
    if ((problem === undefined ? beside : unavailable) <= 0) break;
    // One that was given back a moment ago: its DaemonSet is about to remove the newer one.
    if (problem === undefined && hasCompany(snapshot, pod)) continue;
    const wait =
      (problem === undefined ? retiringWait(snapshot, settings, pod) : undefined) ?? waitOf(snapshot, pod, allowance);
    if (wait !== undefined) waits.push(wait);
    else {
      pods.push({ pod, isBeside: problem === undefined });
      if (problem === undefined) beside--;
      else unavailable--;
    }
  }
  return { pods, waits, isWaiting };
}

/** True for a pod that would have its replacement beside it. */
export function isReplacedBeside(snapshot: Snapshot, settings: Settings, pod: Pod): boolean {
  return canRetire(snapshot, settings, pod) !== undefined && besideProblem(snapshot, settings, pod) === undefined;
}

function besideProblem(snapshot: Snapshot, settings: Settings, pod: Pod): string | undefined {
  const { target, gateProviders } = snapshot;
  if (target === undefined) return 'its DaemonSet is gone';
  const isAbleToRetire = canRetire(snapshot, settings, pod) !== false;
  return surgeProblem({ target, pod, settings, hasOwnGate: gateProviders === undefined, canRetire: isAbleToRetire });
}

function hasCompany({ pods }: Snapshot, pod: Pod): boolean {
  return pods.onNode(nodeNameOf(pod)).length > 1;
}

/** A node has as many pods that retire as it may have. */
function retiringWait(snapshot: Snapshot, settings: Settings, pod: Pod): Wait | undefined {
  const there = settings.gateTarget === Target.HOST ? snapshot.retiring.beside(pod) : [];
  if (there.length < settings.maxRetiring) return undefined;
  return { reason: 'TooManyRetiring', message: events.tooManyRetiring(pod, retiringText(there)) };
}

function busyWaits({ busyNodes }: Snapshot, pod: Pod): readonly Wait[] {
  const neighbour = busyNodes.get(pod.spec?.nodeName ?? '');
  return neighbour === undefined ? [] : [{ reason: 'NodeBusy', message: events.nodeBusy(pod, neighbour) }];
}

/** What keeps a pod from being started although there is a place for it. */
function waitOf(snapshot: Snapshot, pod: Pod, allowance: Allowance): Wait | undefined {
  const [busy] = busyWaits(snapshot, pod);
  if (busy !== undefined) return busy;
  const budget = allowance.take(pod);
  return budget === undefined
    ? undefined
    : { reason: 'DisruptionBudget', message: events.budgetWaits(budget.metadata.name) };
}

function awayText(pod: Pod): string {
  return `${pod.metadata.name}${waitingReasonText(waitingReasonOf(pod)).replace(/\.$/, '')}`;
}

import type { Pod } from '#kube/objects.js';
import { claimOf } from '../api/annotations.js';
import { budgetsOf, createAllowance, unsupportedBudget } from '../facts/budgets.js';
import { waitingReasonOf, waitingReasonText } from '../facts/containers.js';
import { maxUnavailableOf, roomFor } from './outstanding-pods.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import { events } from '../api/events.js';
import type { Settings } from '../api/settings.js';
import type { Snapshot } from './snapshot.js';

/**
 * Creation times are whole seconds. Waiting this long after the request is first seen makes every replacement
 * younger than the request, whatever the clocks say, so that none is restarted twice.
 */
const settleMs = 1_000;

/** What keeps a restart from starting its next pod. */
export interface Wait {
  /** In one word. */
  readonly reason: 'PodsNotReady' | 'NodeBusy' | 'RolloutAhead' | 'DisruptionBudget';
  readonly message: string;
}

/** Pods to claim now, or how long to wait until some may be, or what for. */
export interface NextPods {
  readonly pods: readonly Pod[];
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

/** Chooses the pods to start: in the order of the plan, where no neighbour is at work, as budgets allow. */
export function nextPodsOf(snapshot: Snapshot, settings: Settings, underWay: ReadonlySet<string>): NextPods {
  const settledInMs = settleMs - snapshot.watchedMs(uidOf(snapshot.restart));
  if (settledInMs > 0) return { pods: [], wakeMs: settledInMs };
  if (snapshot.rolloutAhead !== undefined) {
    if (underWay.size > 0 || snapshot.outstanding.length === 0) return { pods: [] };
    return { pods: [], wait: { reason: 'RolloutAhead', message: snapshot.rolloutAhead } };
  }
  const rivals = new Set(snapshot.rivals.map(uidOf));
  const { count, away } = roomFor(snapshot, settings.maxUnavailable, underWay);
  const known = [...underWay].flatMap((uid) => snapshot.pods.withUid(uid) ?? []);
  const aboutToGo = known.filter((pod) => !isTerminating(pod));
  const allowance = createAllowance(snapshot.budgets, aboutToGo);
  const pods: Pod[] = [];
  const waits: Wait[] = [];
  let isWaiting = false;
  for (const pod of snapshot.outstanding) {
    if (rivals.has(claimOf(pod)?.restart ?? '')) continue;
    isWaiting = true;
    if (pods.length >= count) break;
    const neighbour = snapshot.busyNodes.get(pod.spec?.nodeName ?? '');
    const budget = neighbour === undefined ? allowance.take(pod) : undefined;
    if (neighbour !== undefined) waits.push({ reason: 'NodeBusy', message: events.nodeBusy(pod, neighbour) });
    else if (budget !== undefined)
      waits.push({ reason: 'DisruptionBudget', message: events.budgetWaits(budget.metadata.name) });
    else pods.push(pod);
  }
  if (pods.length > 0 || underWay.size > 0 || !isWaiting) return { pods };
  if (count === 0) {
    const limit = maxUnavailableOf(settings.maxUnavailable, snapshot.pods.all.length);
    waits.push({ reason: 'PodsNotReady', message: events.awayFor(away.map(awayText), limit) });
  }
  const [wait] = waits;
  return { pods, ...(wait === undefined ? {} : { wait }) };
}

function awayText(pod: Pod): string {
  return `${pod.metadata.name}${waitingReasonText(waitingReasonOf(pod)).replace(/\.$/, '')}`;
}

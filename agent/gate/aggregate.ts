import { durationToMs, msToDuration, type ProtoDuration } from '#common/time/duration.js';
import { State, type GateStatus, type Holder, type SessionCounts } from '#proto/gate/v1/gate.js';

/** One worker as the gate sees it. Absent is certain: there is no process, so there is nothing to lose. */
export type AggregatedWorker =
  { readonly kind: 'up'; readonly status: GateStatus } | { readonly kind: 'absent' } | { readonly kind: 'unknown' };

const order: readonly State[] = [
  State.SERVING,
  State.CORDONED,
  State.NOTIFIED,
  State.FROZEN,
  State.QUIESCED,
  State.CHECKPOINTED,
  State.RELEASED,
  State.FORCED,
  State.CLOSED,
];

/**
 * The least advanced state over the nodeWorkers. One that is unknown makes the sum unknown: it is never read as drained.
 * Absent ones do not count; `idle` is the state where none is left. Once a notice has ended, the sum is FROZEN though others
 * wait for their turn: as in a worker, some are brought to rest, and the others are served.
 */
export function aggregateState(nodeWorkers: readonly AggregatedWorker[], idle: State): State {
  let least = order.length;
  let most = 0;
  for (const worker of nodeWorkers) {
    if (worker.kind === 'absent') continue;
    const rank = worker.kind === 'up' ? order.indexOf(worker.status.state) : -1;
    if (rank < 0) return State.UNSPECIFIED;
    least = Math.min(least, rank);
    most = Math.max(most, rank);
  }
  const state = order[least] ?? idle;
  return state === State.NOTIFIED && most > least ? State.FROZEN : state;
}

/** Whether no worker has a use for the rest of its notice: idle, past it, or certainly not there. */
export function noticesMayEnd(nodeWorkers: readonly AggregatedWorker[]): boolean {
  return nodeWorkers.every((worker) => {
    if (worker.kind !== 'up') return worker.kind === 'absent';
    const { state, noticeMayEnd } = worker.status;
    return noticeMayEnd || order.indexOf(state) > order.indexOf(State.NOTIFIED);
  });
}

const noCounts: SessionCounts = {
  finished: 0,
  kept: 0,
  checkpointed: 0,
  forced: 0,
  remaining: 0,
  restored: 0,
  moved: 0,
};

/** Counts added up. */
export function sumCounts(all: readonly (SessionCounts | undefined)[]): SessionCounts {
  const sum = { ...noCounts };
  for (const counts of all) {
    if (counts === undefined) continue;
    sum.finished += counts.finished;
    sum.kept += counts.kept;
    sum.checkpointed += counts.checkpointed;
    sum.forced += counts.forced;
    sum.remaining += counts.remaining;
    sum.restored += counts.restored;
    sum.moved += counts.moved;
  }
  return sum;
}

/** Statuses of the nodeWorkers that answer. */
export function knownStatuses(nodeWorkers: readonly AggregatedWorker[]): readonly GateStatus[] {
  return nodeWorkers.filter((worker) => worker.kind === 'up').map((worker) => worker.status);
}

/** Sessions of the workers that answer, added up. */
export function sumSessions(views: readonly AggregatedWorker[]): number {
  return knownStatuses(views).reduce((sum, known) => sum + known.sessions, 0);
}

const maxHolders = 50;

/** Operations that hold, of all nodeWorkers, the longest first. */
export function collectHolders(nodeWorkers: readonly AggregatedWorker[]): Holder[] {
  return knownStatuses(nodeWorkers)
    .flatMap((status) => status.holders)
    .sort((a, b) => durationToMs(b.held, 0) - durationToMs(a.held, 0))
    .slice(0, maxHolders);
}

/** How long the longest operation of a worker has held, in milliseconds; 0 where none holds. */
export function longestHeldMs({ holders }: GateStatus): number {
  return Math.max(0, ...holders.map(({ held }) => durationToMs(held, 0)));
}

/** The lease that runs out first, among nodeWorkers that are cordoned. */
export function shortestLease(nodeWorkers: readonly AggregatedWorker[]): ProtoDuration | undefined {
  return pick(nodeWorkers, (status) => status.leaseRemaining, Math.min);
}

/** The deadline that is furthest away, among nodeWorkers that drain. */
export function longestDeadline(nodeWorkers: readonly AggregatedWorker[]): ProtoDuration | undefined {
  return pick(nodeWorkers, (status) => status.deadlineRemaining, Math.max);
}

function pick(
  nodeWorkers: readonly AggregatedWorker[],
  read: (status: GateStatus) => ProtoDuration | undefined,
  choose: (...values: number[]) => number,
): ProtoDuration | undefined {
  const values = knownStatuses(nodeWorkers)
    .map(read)
    .filter((duration) => duration !== undefined)
    .map((duration) => durationToMs(duration, 0));
  return values.length === 0 ? undefined : msToDuration(choose(...values));
}

/** Whether all that answer retire, and when the last of them has to be gone, where all have to be. */
export function retirementOf(nodeWorkers: readonly AggregatedWorker[]): Pick<GateStatus, 'retiring' | 'retireAt'> {
  const known = knownStatuses(nodeWorkers);
  if (known.length === 0 || !known.every(({ retiring }) => retiring)) return { retiring: false };
  const ends = known.map(({ retireAt }) => retireAt);
  if (!ends.every((end) => end !== undefined)) return { retiring: true };
  return { retiring: true, retireAt: ends.toSorted((a, b) => b.seconds - a.seconds || b.nanos - a.nanos)[0] };
}

/** Uid of the restart that has cordoned a worker; undefined when all serve. */
export function restartOf(nodeWorkers: readonly AggregatedWorker[]): string | undefined {
  return knownStatuses(nodeWorkers).find((status) => status.state !== State.SERVING && status.restartUid !== '')
    ?.restartUid;
}

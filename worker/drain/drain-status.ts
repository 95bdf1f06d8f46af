import { msToDuration } from '#common/time/duration.js';
import { msToTimestamp } from '#common/time/timestamp.js';
import {
  State,
  type ForcedSession,
  type GateStatus,
  type Holder,
  type SessionCounts,
  type Target,
} from '#proto/gate/v1/gate.js';
import type { Retirement } from './retirement.js';
import type { DrainState, GatePhase } from './state.js';

/** Most holders and forced sessions that are named; counts are exact beyond it. */
export const maxNamed = 50;

const stateOfPhase: Readonly<Record<GatePhase, State>> = {
  SERVING: State.SERVING,
  CORDONED: State.CORDONED,
  NOTIFIED: State.NOTIFIED,
  FROZEN: State.FROZEN,
  QUIESCED: State.QUIESCED,
  CHECKPOINTED: State.CHECKPOINTED,
  RELEASED: State.RELEASED,
  CLOSED: State.CLOSED,
  FORCED: State.FORCED,
};

/** What a worker says about itself in every status. */
export interface WorkerFacts {
  /** Random for each process. */
  readonly instance: string;
  readonly node: string;
  readonly version: string;
  readonly target: Target;
  /** Uid of its pod; empty where there is none. */
  readonly podUid: string;
}

/** What the gate counted, for its status and its receipt. */
export interface DrainTally {
  readonly counts: SessionCounts;
  readonly sessions: number;
  readonly holders: readonly Holder[];
  readonly forced: readonly ForcedSession[];
}

/** What a status tells beside the state. */
export interface SeenGate {
  readonly tally: DrainTally;
  readonly isIdle: boolean;
  readonly retirement: Pick<Retirement, 'isActive' | 'retireAtMs'>;
}

/** The gate as its services tell it. */
export function gateStatusOf(
  state: DrainState,
  { tally, isIdle, retirement }: SeenGate,
  facts: WorkerFacts,
  nowMs: number,
): GateStatus {
  const leaseUntilMs = state.cordon?.leaseUntilMs ?? Infinity;
  const { plan, cordon } = state;
  const { isActive: retiring, retireAtMs } = retirement;
  return {
    // One that retires refuses what is new, and nobody has cordoned it.
    state: retiring && state.phase === 'SERVING' ? State.CORDONED : stateOfPhase[state.phase],
    restartUid: cordon === undefined || cordon.isOwn === true ? '' : cordon.fence.restartUid,
    instance: facts.instance,
    sessions: tally.sessions,
    counts: tally.counts,
    holders: tally.holders.slice(0, maxNamed),
    leaseRemaining: Number.isFinite(leaseUntilMs) ? msToDuration(leaseUntilMs - nowMs) : undefined,
    deadlineRemaining: plan === undefined ? undefined : msToDuration(plan.deadlineMs - nowMs),
    fencing: state.highestFencing,
    workers: [],
    node: facts.node,
    restartRequired: false,
    version: facts.version,
    podUid: facts.podUid,
    retiring,
    ...(retireAtMs === undefined ? {} : { retireAt: msToTimestamp(retireAtMs) }),
    noticeMayEnd: state.phase === 'NOTIFIED' && isIdle,
    waiting: [],
  };
}

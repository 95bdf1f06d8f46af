import { countText } from '#common/count-text.js';
import { timestamp } from '#common/time/clock.js';
import { durationToMs } from '#common/time/duration.js';
import { timestampToMs } from '#common/time/timestamp.js';
import {
  State,
  Target,
  type GateStatus,
  type Holder,
  type Receipt,
  type SessionCounts,
  type WorkerStatus,
} from '#proto/gate/v1/gate.js';
import { ageText, tableLines } from '../io/output.js';

/** Name of a state as the protocol has it, without its prefix. */
export function stateName(state: State): string {
  return State[state];
}

function targetName(target: Target): string {
  return target === Target.HOST ? 'host' : 'agent';
}

/** A holder as JSON. */
export function holderJson(holder: Holder): object {
  const { held, ...rest } = holder;
  return { ...rest, heldMs: durationToMs(held, 0) };
}

function countsText(counts: SessionCounts): string {
  const { kept, moved, checkpointed, finished, forced, remaining, restored } = counts;
  const parts = { kept, moved, checkpointed, finished, forced, remaining, restored };
  return Object.entries(parts)
    .filter(([name, count]) => count > 0 || name === 'forced')
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

/** A gate's status as JSON: durations in milliseconds, times as RFC 3339 or null, states by name. */
export function gateStatusJson(status: GateStatus): object {
  const { leaseRemaining, deadlineRemaining, holders, workers, state, retireAt, ...rest } = status;
  return {
    ...rest,
    state: stateName(state),
    leaseRemainingMs: durationToMs(leaseRemaining, 0),
    deadlineRemainingMs: durationToMs(deadlineRemaining, 0),
    retireAt: timeJson(retireAt),
    holders: holders.map(holderJson),
    workers: workers.map((worker) => ({
      ...worker,
      state: stateName(worker.state),
      target: targetName(worker.target),
      retireAt: timeJson(worker.retireAt),
    })),
  };
}

/** A receipt as JSON. */
export function receiptJson(receipt: Receipt): object {
  const { took, target, forced, ...rest } = receipt;
  return {
    ...rest,
    target: targetName(target),
    tookMs: durationToMs(took, 0),
    forced: forced.map((session) => ({ ...session, holders: session.holders.map(holderJson) })),
  };
}

/** A gate's status in one line. */
export function gateStatusLine(status: GateStatus): string {
  const leaseMs = durationToMs(status.leaseRemaining, 0);
  const deadlineMs = durationToMs(status.deadlineRemaining, 0);
  return [
    stateName(status.state),
    countText(status.sessions, 'session'),
    ...(status.counts === undefined || status.state === State.SERVING ? [] : [countsText(status.counts)]),
    ...(deadlineMs > 0 ? [`${ageText(deadlineMs)} left`] : []),
    ...(leaseMs > 0 ? [`lease ${ageText(leaseMs)}`] : []),
  ].join(' · ');
}

/** Operations that hold, as a table under an empty line; nothing when none does. */
export function holderLines(holders: readonly Holder[]): string[] {
  if (holders.length === 0) return [];
  const rows = holders.map((holder) => [
    holder.sessionId,
    holder.panel,
    holder.operation,
    ageText(durationToMs(holder.held, 0)),
    holder.bytes === 0 ? '' : String(holder.bytes),
  ]);
  return ['', ...tableLines(['HELD BY SESSION', 'PANEL', 'OPERATION', 'FOR', 'BYTES'], rows)];
}

function timeJson(time: GateStatus['retireAt']): string | null {
  return time === undefined ? null : timestamp(new Date(timestampToMs(time)));
}

function workerStateText({ state, retiring, retireAt }: WorkerStatus): string {
  if (!retiring) return stateName(state);
  const until = retireAt === undefined ? '' : ` until ${new Date(timestampToMs(retireAt)).toISOString().slice(0, 16)}Z`;
  return `${stateName(state)}, retiring${until}`;
}

/** A gate's status for people. */
export function gateStatusLines(status: GateStatus): string[] {
  const workers = status.workers.map((worker) => [
    worker.panel,
    workerStateText(worker),
    String(worker.sessions),
    String(worker.pid),
    targetName(worker.target),
    worker.message,
  ]);
  return [
    `${status.node === '' ? 'gate' : status.node}: ${gateStatusLine(status)}`,
    ...(status.restartUid === '' ? [] : [`restart: ${status.restartUid}`]),
    ...(status.restartRequired ? ['A restart is needed to take up what has changed.'] : []),
    ...(workers.length === 0
      ? []
      : ['', ...tableLines(['WORKER', 'STATE', 'SESSIONS', 'PID', 'GOES WITH', 'MESSAGE'], workers)]),
    ...holderLines(status.holders),
  ];
}

/** A receipt for people. */
export function receiptLines(receipt: Receipt): string[] {
  const counts = receipt.counts === undefined ? 'no sessions' : countsText(receipt.counts);
  const forced = receipt.forced.map((session) => [
    session.sessionId,
    session.panel,
    session.reason,
    session.holders.map((holder) => holder.operation).join(', '),
  ]);
  return [
    `Drained in ${(durationToMs(receipt.took, 0) / 1000).toFixed(1)} s: ${counts}.`,
    ...(forced.length === 0 ? [] : ['', ...tableLines(['ENDED BY FORCE', 'PANEL', 'REASON', 'HELD BY'], forced)]),
  ];
}

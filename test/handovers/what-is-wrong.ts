import { losesState, type Fault, type Way } from './fault.js';
import type { SessionOutcome } from './moved-sessions.js';

/** One replacement of a worker. */
export interface HandoverRecord {
  readonly index: number;
  readonly way: Way;
  readonly fault: Fault;
  /** From its begin until nothing is left of the older one, in milliseconds of the run. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of its receipt; undefined where there is none. */
  readonly moved: number | undefined;
  readonly checkpointed: number | undefined;
  /** What must not be where no process was killed. */
  readonly wrong: readonly string[];
}

/** Why a run does not hold, in words; empty when it does. */
export function whatIsWrong(
  handovers: readonly HandoverRecord[],
  outcomes: readonly SessionOutcome[],
  sessions: number,
): string[] {
  return [
    ...outcomes.flatMap((session) => wrongWithSession(handovers, session)),
    ...handovers.flatMap((handover) => wrongWithHandover(handover, sessions)),
  ];
}

function wrongWithSession(
  handovers: readonly HandoverRecord[],
  { outcome, evidence, toldMs }: SessionOutcome,
): readonly string[] {
  if (outcome === 'broken') return [`a session is broken: ${evidence}`];
  if (outcome === 'exact' || (toldMs !== undefined && mayBeTold(handovers, toldMs))) return [];
  return [`a session lost something at ${Math.round(toldMs ?? 0)} ms, and no worker was killed: ${evidence}`];
}

// Whoever comes back hears of a kill after it, at the latest in the handover that follows.
function mayBeTold(handovers: readonly HandoverRecord[], toldMs: number): boolean {
  const kills = handovers.filter(({ fault }) => losesState(fault));
  return kills.some(({ index, fromMs, toMs }) => {
    const following = handovers.find((other) => other.index === index + 1);
    return toldMs >= fromMs && toldMs <= (following?.toMs ?? Math.max(toMs, toldMs));
  });
}

function wrongWithHandover({ index, way, fault, ...record }: HandoverRecord, sessions: number): readonly string[] {
  if (fault.endsWith('killed')) return [];
  const name = `handover ${index} (${way}, ${fault})`;
  const { moved = 0, checkpointed = 0, wrong } = record;
  const lines = wrong.map((line) => `${name}: ${line}`);
  // An agent that only ends gives no receipt.
  if (way === 'agent ends' || moved + checkpointed === sessions) return lines;
  return [...lines, `${name}: ${moved} sessions moved and ${checkpointed} were written down, of ${sessions}`];
}

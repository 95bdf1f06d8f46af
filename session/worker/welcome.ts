import { msToDuration } from '#common/time/duration.js';
import { Contract, Direction, ResumeOutcome, type Frame, type Hello, type Welcome } from '#proto/session/v1/session.js';
import type { Admitted } from './admission.js';
import type { Cursors, EndpointTotals } from '../endpoint/endpoint.js';
import type { SessionLimits } from '../codec/limits.js';
import { type LossReason, crashReason } from '../messages/crash-reason.js';

/** What a Welcome says besides the decision. */
export interface WelcomeFacts {
  readonly sessionId: string;
  readonly resumeToken: Buffer;
  readonly resumeTtlMs: number;
  /** Cursors of the worker. */
  readonly cursors: Cursors;
  readonly totals: EndpointTotals;
  readonly limits: SessionLimits;
  /** Name of the node; empty when not known. */
  readonly node: string;
}

/** The Welcome of a decision. */
export function buildWelcome(decision: Admitted, facts: WelcomeFacts): Welcome {
  const { cursors, totals, limits } = facts;
  return {
    version: decision.version,
    sessionId: facts.sessionId,
    incarnation: decision.incarnation,
    attachEpoch: decision.attachEpoch,
    outcome: ResumeOutcome[decision.outcome],
    contract: Contract.GRACEFUL,
    resumeToken: facts.resumeToken,
    resumeTtl: msToDuration(facts.resumeTtlMs),
    nextRx: cursors.nextRx,
    txBase: cursors.txBase,
    txNext: cursors.txNext,
    limits: {
      maxDataBytes: limits.maxDataBytes,
      maxMessageBytes: limits.maxMessageBytes,
      maxEventBytes: limits.maxEventBytes,
      maxUnackedEvents: limits.maxUnackedEvents,
    },
    node: facts.node,
    rxDataBytes: totals.receivedDataBytes,
    txDataBytes: totals.trimmedDataBytes,
    rxFin: totals.finReceived,
  };
}

/** The reason of a loss when the client is behind the replay buffer. */
export const behindReason: LossReason = {
  code: 'REPLAY_PASSED',
  message: 'Earlier output was acknowledged by another client and is not kept.',
};

/**
 * The Reset frames that follow a Welcome, in order: none unless something is lost to this client. Leave out those of an
 * EXACT decision when a snapshot follows instead.
 */
export function lossResets(hello: Hello, decision: Admitted, reason: LossReason = crashReason): Frame[] {
  if (decision.kind !== 'open' && decision.outcome === 'EXACT') {
    if (decision.output.kind === 'replay') return [];
    const { from, through } = decision.output;
    return [reset(Direction.OUTPUT, { from, through, incarnation: decision.incarnation }, behindReason)];
  }
  if (decision.kind === 'open' && hello.incarnation === 0) return [];
  const { incarnation } = hello;
  const output = reset(Direction.OUTPUT, { from: hello.nextRx, through: 0, incarnation }, reason);
  // A client without an incarnation has sent nothing.
  if (incarnation === 0 || hello.txNext === 1) return [output];
  return [reset(Direction.INPUT, { from: 1, through: hello.txNext - 1, incarnation }, reason), output];
}

function reset(
  direction: Direction,
  range: { readonly from: number; readonly through: number; readonly incarnation: number },
  reason: LossReason,
): Frame {
  const { from, through, incarnation } = range;
  const value = { direction, fromSeq: from, throughSeq: through, incarnation, ...reason };
  return { seq: 0, kind: { $case: 'reset', value } };
}

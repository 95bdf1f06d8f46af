import { status } from '@grpc/grpc-js';
import { createBackoff } from '#common/time/backoff.js';
import type { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { AttachmentEnd } from '#session/client/client-link.js';
import { reasonOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import { clientErrorOf, cutErrorOf, retryAdvice } from './status-errors.js';

/** Numbers of the pacing, in milliseconds. */
export interface ReattachOptions {
  /** Ceiling of the first delay. @default 50 */
  readonly initialMs?: number;
  /** Ceiling of any delay. @default 5000 */
  readonly maxMs?: number;
  /** Ceiling while a restart that was announced by a drain is under way. @default 500 */
  readonly plannedMaxMs?: number;
}

/** An attachment, or an attempt at one, that is over. */
export interface FinishedAttachment {
  readonly rpc: RpcStatus;
  /** Time since its welcome, in milliseconds; undefined when none had arrived. */
  readonly livedMs: number | undefined;
  /** True when the worker had said READY. */
  readonly ready: boolean;
  /** Wait that the worker asked for, in milliseconds. */
  readonly afterMs: number;
}

/** Spaces the attempts to attach. */
export interface ReattachPacing {
  /** Time until the next attempt, in milliseconds. */
  delayMs(finished: FinishedAttachment): number;
}

// Attempts in a row at the planned ceiling before an announced restart counts as an outage: about 15 s.
const plannedAttempts = 60;
// An attachment that lived shorter does not start the backoff over: else a peer that cuts at once would be hammered.
const stableMs = 1000;

/**
 * What the link makes of an RPC's status. UNAVAILABLE, and CANCELLED that was not ours, are transport loss; so is a
 * status that only a transport or a proxy gives, once the session was attached, and RESOURCE_EXHAUSTED with a time to
 * come back. Everything else is the peer's refusal.
 */
export function attachmentEndOf(rpc: RpcStatus, address: string, everAttached: boolean): AttachmentEnd {
  if (rpc.code === status.OK) return { kind: 'ok' };
  const advice = retryAdvice(rpc);
  if (advice.kind !== 'never') {
    if (rpc.code === status.UNAVAILABLE || rpc.code === status.CANCELLED) return { kind: 'transport' };
    if (rpc.code === status.RESOURCE_EXHAUSTED && advice.kind === 'after') return { kind: 'transport' };
    const nobodySaidIt = rpc.code === status.INTERNAL || rpc.code === status.UNKNOWN;
    if (nobodySaidIt && everAttached && reasonOf(rpc.metadata) === undefined) return { kind: 'transport' };
  }
  const error = clientErrorOf(rpc, address);
  return { kind: 'refused', code: error.code, message: error.message };
}

/** The error of an attempt's status, undefined for OK. Of one that had its welcome, a loss without a reason is a cut, not an agent out of reach. */
export function errorOfEnd(rpc: RpcStatus, address: string, wasWelcomed: boolean): PaneletError | undefined {
  if (rpc.code === status.OK) return undefined;
  const isCut = wasWelcomed && reasonOf(rpc.metadata) === undefined;
  return isCut && attachmentEndOf(rpc, address, true).kind === 'transport'
    ? cutErrorOf(rpc, address)
    : clientErrorOf(rpc, address);
}

/**
 * Full jitter with ceilings from 50 ms to 5 s; none after drain READY. After READY the attempts stay dense for a while,
 * because the peer said that it comes back. A time that the peer asks for (`grpc-retry-pushback-ms`) goes before all.
 */
export function createReattachPacing(random: Random, options: ReattachOptions = {}): ReattachPacing {
  const initialMs = options.initialMs ?? 50;
  const unplanned = createBackoff(random, { initialMs, maxMs: options.maxMs ?? 5000 });
  const planned = createBackoff(random, { initialMs, maxMs: options.plannedMaxMs ?? 500 });
  let plannedLeft = 0;
  return {
    delayMs: (finished) => {
      if (finished.livedMs !== undefined && finished.livedMs >= stableMs) {
        unplanned.reset();
        planned.reset();
        plannedLeft = 0;
      }
      const advice = retryAdvice(finished.rpc);
      if (advice.kind === 'after') return advice.delayMs;
      if (finished.ready && plannedLeft <= 0) {
        plannedLeft = plannedAttempts;
        return finished.afterMs;
      }
      return (plannedLeft-- > 0 ? planned : unplanned).nextMs();
    },
  };
}

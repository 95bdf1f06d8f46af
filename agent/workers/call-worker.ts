import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { unaryCall, type UnaryStart } from '#common/grpc/unary-call.js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';

/** Bounds of one call to a worker. */
export interface WorkerCallBounds {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
}

/**
 * Promise of a unary call to a worker. One that takes longer than `timeoutMs` by the agent's clock is cancelled.
 * @throws its ServiceError; one with DEADLINE_EXCEEDED when its time is over.
 */
export function callWorker<T>(start: UnaryStart<T>, { clock, timeoutMs, metadata }: WorkerCallBounds): Promise<T> {
  const deadline = { clock, limitMs: timeoutMs, error: () => lateError(timeoutMs) };
  return withDeadline(deadline, (signal) => unaryCall(start, { metadata, signal }));
}

function lateError(timeoutMs: number): ServiceError {
  const details = `No answer within ${timeoutMs} ms.`;
  const code = status.DEADLINE_EXCEEDED;
  return Object.assign(new Error(`${code} DEADLINE_EXCEEDED: ${details}`), { code, details, metadata: new Metadata() });
}

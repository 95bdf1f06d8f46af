import { Metadata, status, type CallOptions, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** Bounds of one call. */
export interface UnaryOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
}

/**
 * Promise of a unary call of a generated client. One that takes longer than `timeoutMs` is cancelled.
 * @throws its ServiceError; one with DEADLINE_EXCEEDED when its time is over.
 */
export function unary<T>(
  start: (metadata: Metadata, options: CallOptions, callback: Callback<T>) => { cancel(): void },
  { clock, timeoutMs, metadata }: UnaryOptions,
): Promise<T> {
  const ask = (signal: AbortSignal): Promise<T> =>
    new Promise((resolve, reject) => {
      const call = start(metadata ?? new Metadata(), {}, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  return withDeadline({ clock, limitMs: timeoutMs, error: () => lateError(timeoutMs) }, ask);
}

function lateError(timeoutMs: number): ServiceError {
  const details = `No answer within ${timeoutMs} ms.`;
  const code = status.DEADLINE_EXCEEDED;
  return Object.assign(new Error(`${code} DEADLINE_EXCEEDED: ${details}`), { code, details, metadata: new Metadata() });
}

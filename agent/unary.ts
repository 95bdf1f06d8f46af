import { Metadata, type CallOptions, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#common/clock.js';

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** Bounds of one call. */
export interface UnaryOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
}

/** Promise of a unary call of a generated client; rejects with its ServiceError. */
export function unary<T>(
  start: (metadata: Metadata, options: CallOptions, callback: Callback<T>) => unknown,
  { clock, timeoutMs, metadata }: UnaryOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(clock.date().getTime() + timeoutMs);
    start(metadata ?? new Metadata(), { deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

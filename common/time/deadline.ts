import type { Clock } from './clock.js';
import { createLatch } from './latch.js';

/** A signal that follows others, until it is unlinked. */
export interface LinkedSignal {
  /** Aborts with the reason of the first of the others that aborts. */
  readonly signal: AbortSignal;
  /** Takes its listeners off the others. Twice is fine. */
  readonly unlink: () => void;
}

/**
 * A signal that aborts when one of `signals` does. In place of `AbortSignal.any`: Node keeps a signal made by that for ever
 * once somebody listens to it (seen in 20.20 and 24.21), and what the listener holds with it.
 */
export function linkSignals(signals: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const own = new AbortController();
  const followed: { readonly signal: AbortSignal; readonly abort: () => void }[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    const abort = (): void => own.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    followed.push({ signal, abort });
  }
  const unlink = (): void => {
    for (const { signal, abort } of followed.splice(0)) signal.removeEventListener('abort', abort);
  };
  return { signal: own.signal, unlink };
}

/** What bounds a piece of work. */
export interface Deadline {
  readonly clock: Clock;
  /** Longest time for the work, in milliseconds. */
  readonly limitMs: number;
  /** What the work is ended with when its time is over. @default an Error that says so */
  readonly error?: () => Error;
  /** The work ends when one of them aborts, too. */
  readonly signals?: readonly (AbortSignal | undefined)[];
}

/**
 * Runs `run` with a signal that aborts when its time is over or one of the signals aborts, and leaves nothing behind: no
 * timer, no listener. The promise settles at that moment, also when `run` does not heed its signal; what `run` still comes to
 * then is dropped.
 * @throws what `run` throws; the deadline's error; the reason of the signal that aborted.
 */
export async function withDeadline<T>(deadline: Deadline, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, limitMs, error, signals = [] } = deadline;
  const late = new AbortController();
  const aborted = createLatch<never>();
  const { signal, unlink } = linkSignals([...signals, late.signal]);
  const abort = (): void => aborted.reject(signal.reason);
  const timer = clock.after(limitMs, () => late.abort(error?.() ?? new Error(`Not done within ${limitMs} ms.`)));
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([run(signal), aborted.promise]);
  } finally {
    timer.stop();
    signal.removeEventListener('abort', abort);
    unlink();
  }
}

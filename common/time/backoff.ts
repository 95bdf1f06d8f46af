import type { Random } from '../random.js';

/** Limits of a backoff, in milliseconds. */
export interface BackoffOptions {
  /** Ceiling of the first delay. */
  readonly initialMs: number;
  /** Ceiling of any delay. */
  readonly maxMs: number;
  /** Growth of the ceiling per attempt. @default 2 */
  readonly factor?: number;
}

/** Delays for attempts that follow each other. */
export interface Backoff {
  /** Delay before the next attempt, in milliseconds. */
  nextMs(): number;
  /** Starts over, after a success. */
  reset(): void;
}

/**
 * Exponential backoff with full jitter: each delay is uniform in [0, ceiling), the ceiling grows by `factor` up to
 * `maxMs`. Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export function createBackoff(random: Pick<Random, 'number'>, options: BackoffOptions): Backoff {
  let ceilingMs = options.initialMs;
  return {
    nextMs: () => {
      const delayMs = random.number() * ceilingMs;
      ceilingMs = Math.min(options.maxMs, ceilingMs * (options.factor ?? 2));
      return delayMs;
    },
    reset: () => {
      ceilingMs = options.initialMs;
    },
  };
}

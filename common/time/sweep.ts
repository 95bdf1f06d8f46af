import type { Clock } from './clock.js';

/** How often something that ends sessions by time looks at them. */
export interface Sweeping {
  readonly clock: Clock;
  /** Shortest time that it ends something after, in milliseconds; it is exact to a twentieth of it. */
  readonly limitMs: number;
  /** Longest time between two looks, in milliseconds. */
  readonly longestStepMs: number;
  /** Time counts only while this is true. */
  readonly counts: () => boolean;
  readonly signal: AbortSignal;
}

const precision = 1 / 20;
const shortestStepMs = 50;
/** A process that did not run, because it or its machine was stopped, served nobody meanwhile: only so many steps of that count. */
const mostSteps = 2;

/** Calls `sweep` again and again, with the milliseconds of its life since it was last due, until the signal aborts. */
export function startSweeping(sweeping: Sweeping, sweep: (elapsedMs: number) => void): void {
  const { clock, limitMs, longestStepMs, counts, signal } = sweeping;
  const stepMs = Math.min(longestStepMs, Math.max(shortestStepMs, limitMs * precision));
  let lastMs = clock.nowMs();
  const step = (): void => {
    if (signal.aborted) return;
    const elapsedMs = clock.nowMs() - lastMs;
    lastMs += elapsedMs;
    if (counts()) sweep(Math.min(elapsedMs, mostSteps * stepMs));
    clock.after(stepMs, step);
  };
  clock.after(stepMs, step);
}

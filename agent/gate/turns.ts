import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';

/** Runs one after the other. */
export type Turns = <T>(run: () => Promise<T>) => Promise<T>;

/**
 * One command after the other: a rollback never meets the command that follows. One that has waited `limitMs` is given up
 * and never run, so that callers who try again do not make a queue that only grows.
 * @throws PaneletError WORKER_UNAVAILABLE when it was not its turn in time; what `run` throws.
 */
export function createTurns(clock: Clock, limitMs: number): Turns {
  let last: Promise<unknown> = Promise.resolve();
  const error = (): PaneletError =>
    new PaneletError('WORKER_UNAVAILABLE', 'Commands before this one still wait for a worker. Try again.');
  return async (run) => {
    const before = last;
    const mine = withDeadline({ clock, limitMs, error }, () => before);
    const next = mine.then(run);
    // Given up or not, whoever comes next waits for all before it.
    last = Promise.allSettled([before, next]);
    return next;
  };
}

import { sleep, type Clock } from '../time/clock.js';
import { lockDirectory, type DirectoryLock } from './directory-lock.js';
import { isPaneletError } from '../errors/errors.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';

/** What taking a directory needs. */
export interface TakeOptions {
  /** How long another process may still have it, in milliseconds. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** After a refusal a directory is tried again, in milliseconds. */
export const lookAgainMs = 500;

/**
 * Takes a directory, again and again while another process has it.
 * @param take throws ALREADY_RUNNING while that is so
 * @param pauseMs pause after so many refusals, in milliseconds
 * @throws PaneletError ALREADY_RUNNING when another process has it to the end; what `take` throws; the signal's reason.
 */
export async function takeWhenFree<T>(
  directory: string,
  options: TakeOptions,
  take: () => Promise<T>,
  pauseMs: (refusals: number) => number = () => lookAgainMs,
): Promise<T> {
  const { clock, log, signal, waitMs } = options;
  const untilMs = clock.nowMs() + waitMs;
  for (let refusals = 1; ; refusals++) {
    signal.throwIfAborted();
    try {
      return await take();
    } catch (error) {
      if (!isPaneletError(error, 'ALREADY_RUNNING') || clock.nowMs() >= untilMs) throw error;
      if (refusals === 1) log.info({ directory, waitMs }, 'Another process still has the directory: waiting');
    }
    await sleep(clock, pauseMs(refusals), signal);
  }
}

/**
 * Locks a directory for this process. A replacement may start while the one before it still drains, in another pod: it waits.
 * @throws PaneletError ALREADY_RUNNING when another process has it to the end; STATE_DIR_UNUSABLE; the signal's reason.
 */
export function takeDirectory(directory: string, options: TakeOptions): Promise<DirectoryLock> {
  return takeWhenFree(directory, options, () => lockDirectory(directory, options));
}

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
  /** Another process has it for sure; may be called again. */
  readonly onWait?: () => void;
}

/** How a directory is tried again. */
export interface Pace {
  /** Pause after so many refusals, in milliseconds. */
  readonly pauseMs: (refusals: number) => number;
  /** So many refusals leave no doubt that another process has it. */
  readonly sureAfter: number;
}

/** After a refusal a directory is tried again, in milliseconds. */
export const lookAgainMs = 500;

/**
 * Takes a directory, again and again while another process has it.
 * @param take throws ALREADY_RUNNING while that is so
 * @throws PaneletError ALREADY_RUNNING when another process has it to the end; what `take` throws; the signal's reason.
 */
export async function takeWhenFree<T>(
  directory: string,
  options: TakeOptions,
  take: () => Promise<T>,
  pace: Pace = { pauseMs: () => lookAgainMs, sureAfter: 1 },
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
      if (refusals === pace.sureAfter) options.onWait?.();
    }
    await sleep(clock, pace.pauseMs(refusals), signal);
  }
}

/**
 * Locks a directory for this process. A replacement may start while the one before it still drains, in another pod: it waits.
 * @throws PaneletError ALREADY_RUNNING when another process has it to the end; STATE_DIR_UNUSABLE; the signal's reason.
 */
export function takeDirectory(directory: string, options: TakeOptions): Promise<DirectoryLock> {
  return takeWhenFree(directory, options, () => lockDirectory(directory, options));
}

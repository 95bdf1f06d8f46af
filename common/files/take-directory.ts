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

const lookAgainMs = 500;

/**
 * Locks a directory for this process. A replacement may start while the one before it still drains, in another pod: it waits.
 * @throws PaneletError ALREADY_RUNNING when another process has it to the end; STATE_DIR_UNUSABLE; the signal's reason.
 */
export async function takeDirectory(directory: string, options: TakeOptions): Promise<DirectoryLock> {
  const { clock, log, signal } = options;
  const untilMs = clock.nowMs() + options.waitMs;
  for (let waited = false; ; waited = true) {
    signal.throwIfAborted();
    try {
      return await lockDirectory(directory, options);
    } catch (error) {
      if (!isPaneletError(error, 'ALREADY_RUNNING') || clock.nowMs() >= untilMs) throw error;
      if (!waited) log.info({ directory, waitMs: options.waitMs }, 'Another process still has the directory: waiting');
    }
    await sleep(clock, lookAgainMs, signal);
  }
}

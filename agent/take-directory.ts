import { join } from 'node:path';
import { sleep, type Clock } from '#common/clock.js';
import { lockDirectory, type DirectoryLock } from '#common/directory-lock.js';
import { isPaneletError } from '#common/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

/** What taking a run directory needs. */
export interface TakeOptions {
  /** How long another agent may still have it, in milliseconds. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const lookAgainMs = 500;

/**
 * Makes this process the only agent of a run directory, so that no panel is ever supervised twice. A replacement may start
 * while the agent before it still drains, in another pod: it waits.
 * @throws PaneletError ALREADY_RUNNING when another agent has it to the end; STATE_DIR_UNUSABLE; the signal's reason.
 */
export async function takeDirectory(runDir: string, options: TakeOptions): Promise<DirectoryLock> {
  const { clock, log, signal } = options;
  const untilMs = clock.nowMs() + options.waitMs;
  const directory = join(runDir, 'agent-lock');
  for (let waited = false; ; waited = true) {
    signal.throwIfAborted();
    try {
      return await lockDirectory(directory, options);
    } catch (error) {
      if (!isPaneletError(error, 'ALREADY_RUNNING') || clock.nowMs() >= untilMs) throw error;
      if (!waited) log.info({ directory, waitMs: options.waitMs }, 'Another agent still has the directory: waiting');
    }
    await sleep(clock, lookAgainMs, signal);
  }
}

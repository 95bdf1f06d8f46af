import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PaneletError } from '../errors/errors.js';
import type { Random } from '../random.js';
import { storageError } from '../errors/storage-error.js';
import { holdNumber } from './lock-sockets.js';

/** A directory that belongs to this process. */
export interface DirectoryLock {
  /** Of its socket `lock-<n>`. Whoever has the directory next has a higher one. */
  readonly number: number;
  /** Lets the next process in. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes a directory for this process; the kernel releases it when the process dies. Locks are numbered sockets `lock-<n>`
 * (`LockSockets`); the living owner of the highest number has the directory.
 * @throws ALREADY_RUNNING when a living process has it; STATE_DIR_UNUSABLE when the directory cannot be used.
 */
export async function lockDirectory(directory: string, deps: { readonly random: Random }): Promise<DirectoryLock> {
  try {
    const { number, release } = await holdNumber(directory, {
      random: deps.random,
      onConnection: (socket) => socket.destroy(),
      pass: async (sockets, top) => {
        if (top > 0 && (await sockets.isAlive(top))) throw await alreadyRunning(directory);
      },
    });
    await writeFile(join(directory, 'owner'), `${process.pid}\n`).catch(() => undefined);
    return { number, release };
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'take the lock', directory });
  }
}

async function alreadyRunning(directory: string): Promise<PaneletError> {
  const owner = await readFile(join(directory, 'owner'), 'utf8').catch(() => '');
  return new PaneletError(
    'ALREADY_RUNNING',
    `Another process${owner === '' ? '' : ` (pid ${owner.trim()} by its own count)`} has ${directory}. ` +
      'Stop it first, or give this one another directory.',
  );
}

import { link, open, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.js';
import { PaneletError } from '../errors/errors.js';
import type { Random } from '../random.js';
import { storageError, systemCode } from '../errors/storage-error.js';

/** A directory that belongs to this process. */
export interface DirectoryLock {
  /** Lets the next process in. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes a directory for this process; the kernel releases it when the process dies.
 *
 * Node has no flock, pids mean nothing to another pod, and abstract sockets stop at the network namespace. A Unix
 * socket in the directory does neither: whoever shares the directory can ask whether its owner lives, for connecting
 * to the socket of a dead process is refused. Locks are numbered sockets `lock-<n>`; the living owner of the highest
 * number has the directory. To take over, a process that was refused by the highest lock n links its own listening
 * socket to `lock-<n+1>` (linking is exclusive), and looks again whether that is the highest. Numbers only grow: only
 * locks below one's own are removed, so a late comer can never revive a number that was passed.
 *
 * @throws ALREADY_RUNNING when a living process has it; STATE_DIR_UNUSABLE when the directory cannot be used.
 */
export async function lockDirectory(directory: string, deps: { readonly random: Random }): Promise<DirectoryLock> {
  try {
    for (let attempt = 1; ; attempt++) {
      await makeDirectory(directory, 0o700);
      try {
        return await acquire(directory, deps.random);
      } catch (error) {
        // A neighbour that swept in the moment between this one's bind and listen took its socket for abandoned.
        if (systemCode(error) !== 'ENOENT' || attempt === 3) throw error;
      }
    }
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'take the lock', directory });
  }
}

async function acquire(directory: string, random: Random): Promise<DirectoryLock> {
  const handle = await open(directory, 'r');
  // Through the descriptor, since the path of a socket may have 107 bytes at most.
  const near = (name: string): string => `/proc/self/fd/${handle.fd}/${name}`;
  const claim = `claim-${random.uuid()}`;
  const server = createServer((socket) => socket.destroy());
  server.unref();
  let released = false;
  const release = async (): Promise<void> => {
    if (released) return;
    released = true;
    await closeServer(server);
    await handle.close();
  };
  try {
    await listen(server, near(claim));
    const lock = await climb(directory, near, claim);
    await unlink(near(claim)).catch(() => undefined);
    await sweep(directory, near, lock);
    await writeFile(join(directory, 'owner'), `${process.pid}\n`).catch(() => undefined);
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Links the claim to the lock above the highest one, as long as that is dead. */
async function climb(directory: string, near: (name: string) => string, claim: string): Promise<number> {
  for (;;) {
    const top = await highestLock(directory);
    if (top > 0 && (await isAlive(near(`lock-${top}`)))) throw await alreadyRunning(directory);
    const mine = top + 1;
    try {
      await link(near(claim), near(`lock-${mine}`));
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      throw error;
    }
    if ((await highestLock(directory)) === mine) return mine;
    // Somebody passed while this process looked away; its lock decides.
    await unlink(near(`lock-${mine}`)).catch(() => undefined);
  }
}

async function sweep(directory: string, near: (name: string) => string, lock: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const below = lockNumber(name) > 0 && lockNumber(name) < lock;
    const abandoned = name.startsWith('claim-') && !(await isAlive(near(name)));
    if (below || abandoned) await unlink(near(name)).catch(() => undefined);
  }
}

async function highestLock(directory: string): Promise<number> {
  return Math.max(0, ...(await readdir(directory)).map(lockNumber));
}

function lockNumber(name: string): number {
  return Number(/^lock-([1-9]\d*)$/.exec(name)?.[1] ?? 0);
}

async function alreadyRunning(directory: string): Promise<PaneletError> {
  const owner = await readFile(join(directory, 'owner'), 'utf8').catch(() => '');
  return new PaneletError(
    'ALREADY_RUNNING',
    `Another process${owner === '' ? '' : ` (pid ${owner.trim()} by its own count)`} has ${directory}. ` +
      'Stop it first, or give this one another directory.',
  );
}

/** Anything but a refusal counts as life: a process that is stopped or too busy to answer still owns its lock. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

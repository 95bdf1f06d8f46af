import { link, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../random.js';
import { systemCode } from '../errors/storage-error.js';
import { makeDirectory } from './make-directory.js';

/**
 * Numbered sockets `lock-<n>` in a directory, each held by a process. Node has no flock, pids mean nothing to another pod, and abstract
 * sockets stop at the network namespace. A Unix socket in the directory does neither: whoever shares the directory can ask whether its
 * owner lives, for connecting to the socket of a dead process is refused.
 */
export class LockSockets {
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<LockSockets> {
    return new LockSockets(path, await open(path, 'r'));
  }

  /** Numbers that are there, in rising order, whether their owners live or not. */
  async numbers(): Promise<readonly number[]> {
    const numbers = (await readdir(this.#path)).map(lockNumber).filter((number) => number > 0);
    return numbers.sort((a, b) => a - b);
  }

  /** Numbers whose owners live, in rising order. */
  async living(): Promise<readonly number[]> {
    const numbers = await this.numbers();
    const alive = await Promise.all(numbers.map((number) => this.isAlive(number)));
    return numbers.filter((_, index) => alive[index]);
  }

  async highest(): Promise<number> {
    return (await this.numbers()).at(-1) ?? 0;
  }

  /** True unless the owner of a number is certainly dead. */
  isAlive(number: number): Promise<boolean> {
    return answers(this.near(lockName(number)));
  }

  /** A connection to the owner of a number; it closes when that dies. */
  connect(number: number): Socket {
    return connect(this.near(lockName(number)));
  }

  /** A path in the directory, through its descriptor, since that of a socket may have 107 bytes at most. */
  near(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** A number that this process has. */
export interface HeldNumber {
  readonly number: number;
  readonly sockets: LockSockets;
  /** Lets it go, as the death of the process does. Idempotent. */
  readonly release: () => Promise<void>;
}

/** How a number is taken. */
export interface HoldOptions {
  readonly random: Random;
  /** Somebody asks whether this process lives, or waits until it does not. */
  readonly onConnection: (socket: Socket) => void;
  /** Says whether the number above `top` may be taken. @throws what keeps it from that */
  readonly pass: (sockets: LockSockets, top: number) => Promise<void>;
}

const mostAttempts = 3;

/**
 * Takes the number above the highest one: links the socket it listens on to `lock-<n>` (linking is exclusive), and looks again whether
 * that is the highest. Numbers only grow: only those below one's own are removed, and of these the dead ones, so a late comer can never
 * revive a number that was passed.
 * @throws what `pass` throws, and what the system says
 */
export async function holdNumber(directory: string, options: HoldOptions): Promise<HeldNumber> {
  for (let attempt = 1; ; attempt++) {
    await makeDirectory(directory, 0o700);
    try {
      return await hold(directory, options);
    } catch (error) {
      // A neighbour that swept in the moment between this one's bind and listen took its socket for abandoned.
      if (systemCode(error) !== 'ENOENT' || attempt === mostAttempts) throw error;
    }
  }
}

async function hold(directory: string, { random, onConnection, pass }: HoldOptions): Promise<HeldNumber> {
  const sockets = await LockSockets.open(directory);
  const claim = `claim-${random.uuid()}`;
  const visitors = new Set<Socket>();
  const server = createServer((socket) => {
    visitors.add(socket);
    socket.on('close', () => visitors.delete(socket));
    onConnection(socket);
  });
  server.unref();
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => (released ??= closeServer(server, visitors).then(() => sockets.close()));
  try {
    await listen(server, sockets.near(claim));
    const number = await climb(sockets, claim, pass);
    await unlink(sockets.near(claim)).catch(() => undefined);
    await sweep(directory, sockets, number);
    return { number, sockets, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function climb(sockets: LockSockets, claim: string, pass: HoldOptions['pass']): Promise<number> {
  for (;;) {
    const top = await sockets.highest();
    await pass(sockets, top);
    const mine = top + 1;
    try {
      await link(sockets.near(claim), sockets.near(lockName(mine)));
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      throw error;
    }
    if ((await sockets.highest()) === mine) return mine;
    // Somebody passed while this process looked away; its lock decides.
    await unlink(sockets.near(lockName(mine))).catch(() => undefined);
  }
}

async function sweep(directory: string, sockets: LockSockets, mine: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const isBelow = lockNumber(name) > 0 && lockNumber(name) < mine;
    if (!isBelow && !name.startsWith('claim-')) continue;
    if (!(await answers(sockets.near(name)))) await unlink(sockets.near(name)).catch(() => undefined);
  }
}

function lockName(number: number): string {
  return `lock-${number}`;
}

function lockNumber(name: string): number {
  return Number(/^lock-([1-9]\d*)$/.exec(name)?.[1] ?? 0);
}

/** Anything but a refusal counts as life: a process that is stopped or too busy to answer still owns its lock. */
function answers(path: string): Promise<boolean> {
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

/** Refuses from now on, and only then ends the connections of those who wait for that. */
function closeServer(server: Server, visitors: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
    for (const socket of visitors) socket.destroy();
  });
}

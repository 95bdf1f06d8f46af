import type { Socket } from 'node:net';
import type { Clock } from '../time/clock.js';
import type { Random } from '../random.js';
import { storageError, systemCode } from '../errors/storage-error.js';
import { holdNumber, LockSockets, type HeldNumber } from './lock-sockets.js';

/** One of the processes that share a directory, each with a number that nobody had before. */
export interface InstanceLock {
  readonly number: number;
  /** True unless the process of a number is certainly dead: one that is stopped or slow lives. */
  isAlive(number: number): Promise<boolean>;
  /** Numbers of the others that live, in rising order. */
  others(): Promise<readonly number[]>;
  /** True while one that came later is known to live; a moment late at most. */
  readonly hasNewer: boolean;
  /** Path of a file beside the locks; short enough for a socket, and good in this process only. */
  near(name: string): string;
  /** Lets the others know at once that this one is gone. Idempotent. */
  release(): Promise<void>;
}

/** What an instance lock needs. */
export interface InstanceLockDeps {
  readonly random: Random;
  readonly clock: Clock;
  /** Another one has died; called once for each. */
  readonly onDeath: (number: number) => void;
  /** A newer one is there; called once for each. */
  readonly onArrival?: (number: number) => void;
}

/**
 * Joins the processes that share a directory. Those that live keep a connection to each other, so that a death is noticed at once.
 * @throws STATE_DIR_UNUSABLE when the directory cannot be used
 */
export async function takeInstanceLock(directory: string, deps: InstanceLockDeps): Promise<InstanceLock> {
  const lock = new SocketInstanceLock(deps);
  try {
    await lock.take(directory);
  } catch (error) {
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'join the instances', directory });
  }
  return lock;
}

/** Numbers of the instances of a directory that live, as somebody sees it who is none of them. */
export async function livingInstances(directory: string): Promise<readonly number[]> {
  let sockets: LockSockets;
  try {
    sockets = await LockSockets.open(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw storageError(error, { code: 'STATE_DIR_UNUSABLE', action: 'look for instances', directory });
  }
  try {
    return await sockets.living();
  } finally {
    await sockets.close();
  }
}

// A connection that ends though its process lives, as while too many connect at once, is made again after a moment.
const lookAgainMs = 500;

class SocketInstanceLock implements InstanceLock {
  readonly #deps: InstanceLockDeps;
  readonly #watched = new Map<number, Socket | undefined>();
  readonly #dead = new Set<number>();
  #held: HeldNumber | undefined;
  #isOver = false;

  constructor(deps: InstanceLockDeps) {
    this.#deps = deps;
  }

  get number(): number {
    return this.#held?.number ?? 0;
  }

  async take(directory: string): Promise<void> {
    this.#held = await holdNumber(directory, {
      random: this.#deps.random,
      onConnection: (socket) => this.#keep(socket),
      pass: () => Promise.resolve(),
    });
    await this.#watchNew();
  }

  async isAlive(number: number): Promise<boolean> {
    if (number === this.number) return !this.#isOver;
    if (this.#dead.has(number)) return false;
    // One that has left itself judges nobody.
    return this.#held === undefined || this.#isOver || this.#held.sockets.isAlive(number);
  }

  get hasNewer(): boolean {
    return [...this.#watched.keys()].some((number) => number > this.number);
  }

  near(name: string): string {
    return this.#held?.sockets.near(name) ?? name;
  }

  async others(): Promise<readonly number[]> {
    const living = (await this.#held?.sockets.living()) ?? [];
    return living.filter((number) => number !== this.number);
  }

  async release(): Promise<void> {
    this.#isOver = true;
    for (const socket of this.#watched.values()) socket?.destroy();
    await this.#held?.release();
  }

  /** Keeps the connection of another one, which may have come just now: it is watched in turn. */
  #keep(socket: Socket): void {
    socket.unref();
    socket.on('error', () => undefined);
    // Nothing is said; what is read is the end.
    socket.resume();
    this.#watchSoon();
  }

  #watchSoon(): void {
    this.#watchNew().catch(() => {
      if (!this.#isOver) this.#deps.clock.after(lookAgainMs, () => this.#watchSoon());
    });
  }

  async #watchNew(): Promise<void> {
    if (this.#held === undefined || this.#isOver) return;
    for (const number of await this.#held.sockets.numbers()) {
      const isKnown = number === this.number || this.#watched.has(number) || this.#dead.has(number);
      if (isKnown) continue;
      this.#watch(number);
      if (number > this.number) this.#deps.onArrival?.(number);
    }
  }

  #watch(number: number): void {
    if (this.#held === undefined || this.#isOver) return;
    const socket = this.#held.sockets.connect(number);
    this.#watched.set(number, socket);
    socket.unref();
    socket.on('error', () => undefined);
    socket.on('close', () => void this.#closed(number));
    socket.resume();
  }

  async #closed(number: number): Promise<void> {
    this.#watched.set(number, undefined);
    const isAlive = await this.isAlive(number);
    if (this.#isOver) return;
    if (isAlive) {
      this.#deps.clock.after(lookAgainMs, () => this.#watch(number));
      return;
    }
    this.#watched.delete(number);
    this.#dead.add(number);
    this.#deps.onDeath(number);
  }
}

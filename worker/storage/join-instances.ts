import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { lockDirectory, type DirectoryLock } from '#common/files/directory-lock.js';
import { livingInstances, takeInstanceLock, type InstanceLock } from '#common/files/instance-lock.js';
import { LockSockets } from '#common/files/lock-sockets.js';
import { takeDirectory, type TakeOptions } from '#common/files/take-directory.js';
import { createLatch } from '#common/time/latch.js';
import { sleep } from '#common/time/clock.js';
import type { InstanceName, Instances } from './instances.js';

/** How a worker comes to be one of those that have a panel's directory. */
export interface JoinOptions extends TakeOptions {
  /** True: beside living instances. False: only when no other one is left. */
  readonly isBeside: boolean;
}

/**
 * Joins the instances of a panel's directory. Workers of earlier releases know only the lock `<directory>/lock`, which one of the
 * instances always has: so none of them is overlapped, and none slips in.
 * @throws ALREADY_RUNNING when others have the directory to the end of the wait; STATE_DIR_UNUSABLE; the signal's reason
 */
export async function joinInstances(directory: string, options: JoinOptions): Promise<Instances> {
  const joined = new JoinedInstances(directory, options);
  if (!options.isBeside || !(await joined.besideOthers())) await joined.afterOthers();
  return joined;
}

const lookAgainMs = 500;
/** The locks of a process that dies are free one after the other. */
const soonMs = 20;
const soonTries = 10;

const holderSchema = z.object({ lock: z.number(), instance: z.number() });

class JoinedInstances implements Instances {
  readonly #directory: string;
  readonly #options: JoinOptions;
  readonly #id: string;
  readonly #listeners = new Set<() => void>();
  readonly #left = new AbortController();
  #instance: InstanceLock | undefined;
  #exclusive: DirectoryLock | undefined;
  #holding: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  constructor(directory: string, options: JoinOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#id = options.random.uuid();
  }

  get own(): InstanceName {
    return { number: this.#instance?.number ?? 0, id: this.#id };
  }

  /** Joins those who live. @returns false where one has the directory that cannot be overlapped */
  async besideOthers(): Promise<boolean> {
    // First, so that one who waits for everybody to leave sees this one, or is seen.
    this.#instance = await this.#takeInstance();
    try {
      if (await this.#tryExclusive()) return true;
      if (await this.#isHeldByInstance()) {
        this.#holding = this.#holdWhenFree();
        return true;
      }
    } catch (error) {
      await this.#instance.release();
      throw error;
    }
    await this.#instance.release();
    this.#instance = undefined;
    return false;
  }

  /** Waits until nobody has the directory. */
  async afterOthers(): Promise<void> {
    const { clock, waitMs } = this.#options;
    const untilMs = clock.nowMs() + waitMs;
    this.#exclusive = await takeDirectory(this.#lockDirectory, this.#options);
    try {
      await this.#untilAlone(untilMs);
      this.#instance = await this.#takeInstance();
      await this.#nameHolder();
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  async isAlive(number: number): Promise<boolean> {
    return (await this.#instance?.isAlive(number)) ?? true;
  }

  async others(): Promise<readonly number[]> {
    return (await this.#instance?.others()) ?? [];
  }

  get hasNewer(): boolean {
    return this.#instance?.hasNewer ?? false;
  }

  socketOf(number: number): string {
    return this.#instance?.near(`${number}.sock`) ?? '';
  }

  onDeath(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#left.abort();
    this.#listeners.clear();
    await this.#holding;
    // In this order: who hears of the end of the instance finds the lock free.
    await this.#exclusive?.release();
    await this.#instance?.release();
  }

  get #lockDirectory(): string {
    return join(this.#directory, 'lock');
  }

  get #instanceDirectory(): string {
    return join(this.#directory, 'instances');
  }

  #takeInstance(): Promise<InstanceLock> {
    const { random, clock } = this.#options;
    const onDeath = (): void => {
      for (const listener of [...this.#listeners]) listener();
    };
    return takeInstanceLock(this.#instanceDirectory, { random, clock, onDeath });
  }

  async #untilAlone(untilMs: number): Promise<void> {
    const { clock, log, signal } = this.#options;
    for (let waited = false; ; waited = true) {
      const living = await livingInstances(this.#instanceDirectory);
      if (living.length === 0) return;
      signal.throwIfAborted();
      if (clock.nowMs() >= untilMs) throw othersLive(this.#directory, living);
      if (!waited) log.info({ directory: this.#directory }, 'Other instances still have the directory: waiting');
      await sleep(clock, lookAgainMs, signal);
    }
  }

  /** @returns false while another process has it */
  async #tryExclusive(): Promise<boolean> {
    try {
      this.#exclusive = await lockDirectory(this.#lockDirectory, this.#options);
    } catch (error) {
      if (isPaneletError(error, 'ALREADY_RUNNING')) return false;
      throw error;
    }
    await this.#nameHolder();
    return true;
  }

  /** Takes the lock as soon as whoever has it ends: no worker of an earlier release may slip in while this one lives. */
  async #holdWhenFree(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#left;
    for (let soon = 0; !signal.aborted; soon--) {
      const died = createLatch();
      const off = this.onDeath(() => died.resolve());
      try {
        if (await this.#tryExclusive()) break;
      } catch (err) {
        log.warn({ err }, 'The lock of the directory cannot be taken now');
      }
      const waited = sleep(clock, soon > 0 ? soonMs : lookAgainMs, signal).catch(() => undefined);
      await Promise.race([waited, died.promise.then(() => (soon = soonTries))]);
      off();
    }
  }

  /**
   * Says beside the lock that an instance has it. It names the lock's number, so it is not taken for a word about the next one. Where it
   * cannot be said, as on a full disk, those who would start beside this one wait.
   */
  async #nameHolder(): Promise<void> {
    const path = join(this.#lockDirectory, 'instance');
    const holder = { lock: this.#exclusive?.number, instance: this.own.number };
    try {
      await writeFile(`${path}.tmp`, JSON.stringify(holder), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    } catch (err) {
      this.#options.log.warn({ err, path }, 'No worker can be started beside this one');
    }
  }

  async #isHeldByInstance(): Promise<boolean> {
    const text = await readFile(join(this.#lockDirectory, 'instance'), 'utf8').catch(() => '');
    const holder = holderOf(text);
    if (holder === undefined || !(await this.isAlive(holder.instance))) return false;
    const sockets = await LockSockets.open(this.#lockDirectory);
    try {
      return (await sockets.highest()) === holder.lock;
    } finally {
      await sockets.close();
    }
  }
}

function holderOf(text: string): z.infer<typeof holderSchema> | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function othersLive(directory: string, others: readonly number[]): PaneletError {
  return new PaneletError(
    'ALREADY_RUNNING',
    `Other workers (instances ${others.join(', ')}) have ${directory}. Stop them first, or start this one beside them (--beside).`,
  );
}

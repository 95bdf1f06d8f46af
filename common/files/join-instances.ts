import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isPaneletError, PaneletError } from '../errors/errors.js';
import { createLatch } from '../time/latch.js';
import { sleep } from '../time/clock.js';
import { lockDirectory, type DirectoryLock } from './directory-lock.js';
import { livingInstances, takeInstanceLock, type InstanceLock } from './instance-lock.js';
import type { InstanceName, Instances } from './instances.js';
import { LockSockets } from './lock-sockets.js';
import { lookAgainMs, takeDirectory, takeWhenFree, type TakeOptions } from './take-directory.js';

/** Where processes that share a directory find each other. */
export interface MeetingPlace {
  /** Directory of the numbered locks, one for each. */
  readonly instances: string;
  /** The lock that processes of earlier releases take, which know nothing of sharing. */
  readonly lock: string;
  /** What is shared, by its path, for messages. */
  readonly directory: string;
  /** What somebody is told to do who finds others there, in a sentence. */
  readonly advice: string;
}

/** How a process comes to be one of those that share a directory. */
export interface JoinOptions extends TakeOptions {
  /** True: beside living instances. False: only when no other one is left. */
  readonly isBeside: boolean;
  /** True: nobody may come beside this one. @default false */
  readonly keepsOthersOut?: boolean;
}

/**
 * Joins the processes that share a directory. Those of earlier releases know only one lock, which one of the
 * instances always has: so none of them is overlapped, and none slips in.
 * @throws ALREADY_RUNNING when others have the directory to the end of the wait; STATE_DIR_UNUSABLE; the signal's reason
 */
export async function joinInstances(place: MeetingPlace, options: JoinOptions): Promise<Instances> {
  const joined = new JoinedInstances(place, options);
  await (options.isBeside ? joined.besideOthers() : joined.afterOthers());
  return joined;
}

/** The locks of a process that dies are free one after the other. */
const soonMs = 20;
const soonTries = 10;
/** An instance that has just taken the lock has said so after this, in milliseconds; a refusal before is no answer. */
const saidMs = 2_000;

const holderSchema = z.object({ lock: z.number(), instance: z.number() });

class JoinedInstances implements Instances {
  readonly #place: MeetingPlace;
  readonly #options: JoinOptions;
  readonly #id: string;
  readonly #deathListeners = new Set<() => void>();
  readonly #arrivalListeners = new Set<() => void>();
  readonly #left = new AbortController();
  #instance: InstanceLock | undefined;
  #exclusive: DirectoryLock | undefined;
  #holding: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  constructor(place: MeetingPlace, options: JoinOptions) {
    this.#place = place;
    this.#options = options;
    this.#id = options.random.uuid();
  }

  get own(): InstanceName {
    return { number: this.#instance?.number ?? 0, id: this.#id };
  }

  /**
   * Joins those who live. Where one has the directory that cannot be overlapped, its end is waited for. Where an instance has just taken the lock
   * and has not said so yet, its word is, also by one that would wait for nobody.
   */
  besideOthers(): Promise<void> {
    const options = { ...this.#options, waitMs: Math.max(this.#options.waitMs, saidMs) };
    const pauseMs = (refusals: number): number => (refusals < soonTries ? soonMs : lookAgainMs);
    return takeWhenFree(this.#place.lock, options, () => this.#takeBeside(), { pauseMs, sureAfter: soonTries });
  }

  /** @throws ALREADY_RUNNING where one has the directory that cannot be overlapped */
  async #takeBeside(): Promise<void> {
    // First, so that one who waits for everybody to leave sees this one, or is seen.
    this.#instance = await this.#takeInstance();
    try {
      const refusal = await this.#tryExclusive();
      if (refusal === undefined) return;
      if (!(await this.#isHeldByInstance())) throw refusal;
      this.#holding = this.#holdWhenFree();
    } catch (error) {
      await this.#instance.release();
      this.#instance = undefined;
      throw error;
    }
  }

  /** Waits until nobody has the directory. */
  async afterOthers(): Promise<void> {
    const { clock, waitMs } = this.#options;
    const untilMs = clock.nowMs() + waitMs;
    this.#exclusive = await takeDirectory(this.#place.lock, this.#options);
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

  async newest(): Promise<number> {
    return Math.max(this.own.number, ...(await this.others()));
  }

  get hasNewer(): boolean {
    return this.#instance?.hasNewer ?? false;
  }

  socketOf(number: number): string {
    return this.#instance?.near(`${number}.sock`) ?? '';
  }

  onDeath(listener: () => void): () => void {
    return listenIn(this.#deathListeners, listener);
  }

  onArrival(listener: () => void): () => void {
    return listenIn(this.#arrivalListeners, listener);
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#left.abort();
    this.#deathListeners.clear();
    this.#arrivalListeners.clear();
    await this.#holding;
    // In this order: who hears of the end of the instance finds the lock free.
    await this.#exclusive?.release();
    await this.#instance?.release();
  }

  #takeInstance(): Promise<InstanceLock> {
    const { random, clock } = this.#options;
    const onDeath = (): void => tell(this.#deathListeners);
    const onArrival = (): void => tell(this.#arrivalListeners);
    return takeInstanceLock(this.#place.instances, { random, clock, onDeath, onArrival });
  }

  async #untilAlone(untilMs: number): Promise<void> {
    const { clock, log, signal, onWait } = this.#options;
    for (let waited = false; ; waited = true) {
      const living = await livingInstances(this.#place.instances);
      if (living.length === 0) return;
      signal.throwIfAborted();
      if (clock.nowMs() >= untilMs) throw othersLive(this.#place, living);
      if (!waited) {
        log.info({ directory: this.#place.directory }, 'Other instances still have the directory: waiting');
        onWait?.();
      }
      await sleep(clock, lookAgainMs, signal);
    }
  }

  /** @returns the refusal while another process has it */
  async #tryExclusive(): Promise<PaneletError | undefined> {
    try {
      this.#exclusive = await lockDirectory(this.#place.lock, this.#options);
    } catch (error) {
      if (isPaneletError(error, 'ALREADY_RUNNING')) return error;
      throw error;
    }
    await this.#nameHolder();
    return undefined;
  }

  /** Takes the lock as soon as whoever has it ends: nobody of an earlier release may slip in while this one lives. */
  async #holdWhenFree(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#left;
    for (let soon = 0; !signal.aborted; soon--) {
      const died = createLatch();
      const off = this.onDeath(() => died.resolve());
      try {
        if ((await this.#tryExclusive()) === undefined) break;
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
    if (this.#options.keepsOthersOut === true) return;
    const path = join(this.#place.lock, 'instance');
    const holder = { lock: this.#exclusive?.number, instance: this.own.number };
    try {
      await writeFile(`${path}.tmp`, JSON.stringify(holder), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    } catch (err) {
      this.#options.log.warn({ err, path }, 'Nobody can be started beside this process');
    }
  }

  async #isHeldByInstance(): Promise<boolean> {
    const text = await readFile(join(this.#place.lock, 'instance'), 'utf8').catch(() => '');
    const holder = holderOf(text);
    if (holder === undefined || !(await this.isAlive(holder.instance))) return false;
    const sockets = await LockSockets.open(this.#place.lock);
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

function othersLive({ directory, advice }: MeetingPlace, others: readonly number[]): PaneletError {
  return new PaneletError('ALREADY_RUNNING', `Others (instances ${others.join(', ')}) have ${directory}. ${advice}`);
}

function listenIn(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell(listeners: ReadonlySet<() => void>): void {
  for (const listener of [...listeners]) listener();
}

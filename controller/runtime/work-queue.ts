import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Random } from '#common/random.js';

/** What a queue is made of. */
export interface WorkQueueDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** First delay after a failure. @default 10 */
  readonly initialMs?: number;
  /** Longest delay after a failure. @default 30000 */
  readonly maxMs?: number;
}

/**
 * Keys to look at. A key is handed out to one taker at a time and is there once, however often it is added; one added
 * while it is in flight is handed out again after done. After the work queue of client-go.
 */
export interface WorkQueue {
  add(key: string): void;
  /** Adds the key in `delayMs`, exactly; an earlier time that is set already stays. */
  addAfter(key: string, delayMs: number): void;
  /** Adds the key after a delay that doubles with every failure of this key. */
  addAfterFailure(key: string): void;
  /** Forgets the failures of a key. */
  forget(key: string): void;
  /** The next key, as soon as there is one; undefined once the queue is closed. */
  take(): Promise<string | undefined>;
  /** The taker is done with the key. */
  done(key: string): void;
  /** Hands out nothing more. */
  close(): void;
  /** Keys that wait to be handed out. */
  readonly length: number;
}

/** An open, empty queue. */
export function createWorkQueue(deps: WorkQueueDeps): WorkQueue {
  return new BackoffWorkQueue(deps);
}

class BackoffWorkQueue implements WorkQueue {
  readonly #deps: WorkQueueDeps;
  readonly #ready: string[] = [];
  /** Keys to be handed out, also those that are in flight now and come again. */
  readonly #waiting = new Set<string>();
  readonly #inFlight = new Set<string>();
  readonly #delayed = new Map<string, { dueMs: number; timer: Timer }>();
  readonly #failures = new Map<string, Backoff>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(deps: WorkQueueDeps) {
    this.#deps = deps;
  }

  get length(): number {
    return this.#ready.length;
  }

  add(key: string): void {
    if (this.#closed || this.#waiting.has(key)) return;
    this.#waiting.add(key);
    if (this.#inFlight.has(key)) return;
    this.#ready.push(key);
    this.#handOut();
  }

  addAfter(key: string, delayMs: number): void {
    const { clock } = this.#deps;
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = clock.nowMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.timer.stop();
    const timer = clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  addAfterFailure(key: string): void {
    const { random, initialMs = 10, maxMs = 30_000 } = this.#deps;
    const backoff = this.#failures.get(key) ?? createBackoff(random, { initialMs, maxMs });
    this.#failures.set(key, backoff);
    this.addAfter(key, 1 + backoff.nextMs());
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#handOut();
    });
  }

  done(key: string): void {
    this.#inFlight.delete(key);
    if (!this.#waiting.has(key) || this.#closed) return;
    this.#ready.push(key);
    this.#handOut();
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.stop();
    this.#delayed.clear();
    this.#ready.length = 0;
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#inFlight.add(key);
      this.#takers.shift()?.(key);
    }
  }
}

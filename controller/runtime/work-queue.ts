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
export function createWorkQueue({ clock, random, initialMs = 10, maxMs = 30_000 }: WorkQueueDeps): WorkQueue {
  const ready: string[] = [];
  const waiting = new Set<string>();
  const inFlight = new Set<string>();
  const delayed = new Map<string, { dueMs: number; timer: Timer }>();
  const failures = new Map<string, Backoff>();
  const takers: ((key: string | undefined) => void)[] = [];
  let closed = false;

  const handOut = (): void => {
    while (takers.length > 0) {
      const key = ready.shift();
      if (key === undefined) return;
      waiting.delete(key);
      inFlight.add(key);
      takers.shift()?.(key);
    }
  };
  const add = (key: string): void => {
    if (closed || waiting.has(key)) return;
    waiting.add(key);
    if (inFlight.has(key)) return;
    ready.push(key);
    handOut();
  };
  const addAfter = (key: string, delayMs: number): void => {
    if (closed) return;
    if (delayMs <= 0) {
      add(key);
      return;
    }
    const dueMs = clock.nowMs() + delayMs;
    const known = delayed.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.timer.stop();
    const timer = clock.after(delayMs, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { dueMs, timer });
  };
  return {
    add,
    addAfter,
    addAfterFailure: (key) => {
      const backoff = failures.get(key) ?? createBackoff(random, { initialMs, maxMs });
      failures.set(key, backoff);
      addAfter(key, 1 + backoff.nextMs());
    },
    forget: (key) => void failures.delete(key),
    take: () =>
      new Promise((resolve) => {
        if (closed) {
          resolve(undefined);
          return;
        }
        takers.push(resolve);
        handOut();
      }),
    done: (key) => {
      inFlight.delete(key);
      if (!waiting.has(key) || closed) return;
      ready.push(key);
      handOut();
    },
    close: () => {
      closed = true;
      for (const { timer } of delayed.values()) timer.stop();
      delayed.clear();
      ready.length = 0;
      waiting.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
    get length() {
      return ready.length;
    },
  };
}

/** Stops a timer that has not fired. Stopping twice is fine. */
export interface Timer {
  stop(): void;
}

/** Source of time for everything in Panelet; tests have one that moves when they say so. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  nowMs(): number;
  /** Wall-clock time, for people and for Kubernetes objects; never for measuring. */
  date(): Date;
  /**
   * Calls `fire` once when `nowMs` has moved by `delayMs` milliseconds, however many, and never before; not at all when
   * there is no end to them. The timer does not keep the process alive unless the clock says so.
   */
  after(delayMs: number, fire: () => void): Timer;
}

/**
 * Clock of this machine. With `keepsAlive` a timer that has not fired keeps the process alive: for programs that have
 * nothing else to wait for, as a client between two connections.
 */
export function createSystemClock(options: { readonly keepsAlive?: boolean } = {}): Clock {
  return {
    nowMs: () => performance.now(),
    date: () => new Date(),
    after: (delayMs, fire) => {
      const dueMs = performance.now() + delayMs;
      let handle: NodeJS.Timeout;
      // Node counts whole milliseconds from when the turn of its loop began, so its timers fire up to 1 ms early and more.
      const wait = (leftMs: number): void => {
        handle = setTimeout(look, Math.min(Math.ceil(leftMs), longestMs));
        if (options.keepsAlive !== true) handle.unref();
      };
      const look = (): void => {
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) wait(leftMs);
        else fire();
      };
      wait(delayMs);
      return { stop: () => clearTimeout(handle) };
    },
  };
}

// Node fires what is longer after 1 ms (2³¹ − 1 ms, 25 days).
const longestMs = 2 ** 31 - 1;

/** Clock that moves only when told to. */
export interface FakeClock extends Clock {
  /** Moves time forward and fires what is due, in order of due time. */
  advance(byMs: number): void;
  /** Number of timers that have not fired. */
  pending(): number;
}

/** Clock for tests, at 0 ms and at the Unix epoch. */
export function createFakeClock(): FakeClock {
  let nowMs = 0;
  let nextId = 0;
  const timers = new Map<number, { dueMs: number; fire: () => void }>();
  const nextDue = (limitMs: number): number | undefined => {
    let found: number | undefined;
    for (const [id, timer] of timers) {
      if (timer.dueMs > limitMs) continue;
      const best = found === undefined ? undefined : timers.get(found);
      if (best === undefined || timer.dueMs < best.dueMs) found = id;
    }
    return found;
  };
  return {
    nowMs: () => nowMs,
    date: () => new Date(nowMs),
    after: (delayMs, fire) => {
      const id = nextId++;
      timers.set(id, { dueMs: nowMs + Math.max(0, delayMs), fire });
      return { stop: () => void timers.delete(id) };
    },
    advance: (byMs) => {
      const limitMs = nowMs + byMs;
      for (let id = nextDue(limitMs); id !== undefined; id = nextDue(limitMs)) {
        const timer = timers.get(id);
        timers.delete(id);
        if (timer === undefined) continue;
        nowMs = Math.max(nowMs, timer.dueMs);
        timer.fire();
      }
      nowMs = limitMs;
    },
    pending: () => timers.size,
  };
}

/**
 * Resolves after `delayMs` milliseconds.
 * @throws the signal's reason as soon as it aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.stop();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A date as Kubernetes writes it: RFC 3339 in UTC, whole seconds. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

import { linkSignals } from '#common/time/deadline.js';
import { createLatch } from '#common/time/latch.js';

/** A number of places; who comes when all are taken waits in order. */
export interface Slots {
  /**
   * Resolves with what gives the place back, twice is fine.
   * @throws the signal's reason when it aborts before.
   */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** True when nobody has a place, or waits for one. */
  readonly idle: boolean;
}

/** So many free places. */
export function createSlots(places: number): Slots {
  const waiting = new Set<() => void>();
  let taken = 0;
  const leaveOnce = (): (() => void) => {
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      taken--;
      const [next] = waiting;
      next?.();
    };
  };
  return {
    enter: async (signal) => {
      signal?.throwIfAborted();
      if (taken >= places) {
        const turn = createLatch();
        const own = linkSignals([signal]);
        const take = (): void => {
          waiting.delete(take);
          taken++;
          turn.resolve();
        };
        const abort = (): void => {
          if (waiting.delete(take)) turn.reject(own.signal.reason);
        };
        waiting.add(take);
        own.signal.addEventListener('abort', abort, { once: true });
        try {
          await turn.promise;
        } finally {
          own.unlink();
        }
      } else taken++;
      return leaveOnce();
    },
    get idle() {
      return taken === 0 && waiting.size === 0;
    },
  };
}

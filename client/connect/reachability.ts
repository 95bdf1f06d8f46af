import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';

/** One wait until the next attempt. */
export interface RetryWait {
  readonly address: string;
  readonly delayMs: number;
  /** False when the peer itself has asked for the delay. */
  readonly mayShorten: boolean;
  readonly fire: () => void;
}

/** Lets the sessions of one client wait for an agent together. */
export interface Reachability {
  /** Fires after the delay, or soon after somebody else has reached the address. @returns a function that stops it. */
  wait(wait: RetryWait): () => void;
  /** An attachment through this address was welcomed. */
  announce(address: string): void;
}

// Those who waited come spread over this time.
const spreadMs = 50;

/**
 * The first session that comes through ends the backoff of the others: an outage that has grown the backoff to seconds
 * ends for all of them at the same moment.
 */
export function createReachability(deps: { readonly clock: Clock; readonly random: Random }): Reachability {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait: ({ address, delayMs, mayShorten, fire }) => {
      const listeners = waiting.get(address) ?? new Set();
      const dueMs = deps.clock.nowMs() + delayMs;
      const go = (): void => {
        listeners.delete(hurry);
        fire();
      };
      const hurry = (): void => {
        const soonMs = deps.random.number() * spreadMs;
        if (dueMs - deps.clock.nowMs() <= soonMs) return;
        timer.stop();
        timer = deps.clock.after(soonMs, go);
      };
      let timer = deps.clock.after(delayMs, go);
      if (mayShorten) waiting.set(address, listeners.add(hurry));
      return () => {
        timer.stop();
        listeners.delete(hurry);
      };
    },
    announce: (address) => {
      const listeners = waiting.get(address);
      waiting.delete(address);
      for (const hurry of listeners ?? []) hurry();
    },
  };
}

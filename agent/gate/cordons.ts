import type { Clock, Timer } from '#common/time/clock.js';
import type { Target } from '#proto/gate/v1/gate.js';

/** A cordon as the agent remembers it, for workers that come up while it is in force. */
export interface Cordon {
  readonly restartUid: string;
  readonly generation: number;
  readonly reason: string;
  /** When its lease runs out, on the monotonic clock. */
  readonly untilMs: number;
  /** True once a drain was asked for. */
  readonly draining: boolean;
}

/** The cordons in force, one for each target at most. They vanish with their lease. */
export interface Cordons {
  get(target: Target): Cordon | undefined;
  set(target: Target, cordon: Cordon): void;
  clear(target: Target): void;
  /** The target that was cordoned last, if one is. */
  latest(): Target | undefined;
  /** Stops the timers. */
  close(): void;
}

/** Without cordons; `onExpired` is called when a lease has run out. */
export function createCordons(clock: Clock, onExpired: () => void): Cordons {
  const entries = new Map<Target, { readonly cordon: Cordon; readonly timer: Timer }>();
  const clear = (target: Target): void => {
    entries.get(target)?.timer.stop();
    entries.delete(target);
  };
  return {
    get: (target) => entries.get(target)?.cordon,
    set: (target, cordon) => {
      clear(target);
      const timer = clock.after(Math.max(0, cordon.untilMs - clock.nowMs()), () => {
        entries.delete(target);
        onExpired();
      });
      entries.set(target, { cordon, timer });
    },
    clear,
    latest: () => [...entries.keys()].at(-1),
    close: () => {
      for (const target of [...entries.keys()]) clear(target);
    },
  };
}

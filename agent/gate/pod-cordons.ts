import type { Clock } from '#common/time/clock.js';
import { createCordons, type Cordons } from './cordons.js';

/** The cordons of single pods of hosts, each pod's for itself. */
export interface PodCordons {
  /** Those of a pod; without cordons where there were none. */
  of(podUid: string): Cordons;
  /** Forgets those of a pod. */
  forget(podUid: string): void;
  /** Stops the timers. */
  close(): void;
}

/** Without cordons; `onExpired` is called when a lease has run out. */
export function createPodCordons(clock: Clock, onExpired: () => void): PodCordons {
  const byPod = new Map<string, Cordons>();
  const forget = (podUid: string): void => {
    byPod.get(podUid)?.close();
    byPod.delete(podUid);
  };
  return {
    of: (podUid) => {
      const known = byPod.get(podUid) ?? createCordons(clock, onExpired);
      byPod.set(podUid, known);
      return known;
    },
    forget,
    close: () => {
      for (const podUid of [...byPod.keys()]) forget(podUid);
    },
  };
}

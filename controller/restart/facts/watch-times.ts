import type { Clock } from '#common/time/clock.js';

/** Since when this leader has watched things, in its own monotonic time: nobody else's clock counts. */
export interface WatchTimes {
  /** Says which things of a scope are there now; what is missing is forgotten. */
  event(scope: string, uids: readonly string[]): void;
  /** How long a thing has been watched, in milliseconds; 0 when it is not. */
  watchedMs(scope: string, uid: string): number;
}

/** Starts with nothing watched. */
export function createWatchTimes(clock: Clock): WatchTimes {
  const scopes = new Map<string, Map<string, number>>();
  return {
    event: (scope, uids) => {
      const before = scopes.get(scope);
      if (uids.length === 0) scopes.delete(scope);
      else scopes.set(scope, new Map(uids.map((uid) => [uid, before?.get(uid) ?? clock.nowMs()])));
    },
    watchedMs: (scope, uid) => {
      const sinceMs = scopes.get(scope)?.get(uid);
      return sinceMs === undefined ? 0 : clock.nowMs() - sinceMs;
    },
  };
}

import type { Clock, Timer } from '#common/time/clock.js';

/** Longest pause between two answers, per restart. */
export interface SilenceMeter {
  /** An answer has come. */
  heard(): void;
  /** Begins to watch another restart. */
  begin(): void;
  /** Ends a part of it. A pause that still lasts counts in the next part. @returns the longest pause in milliseconds */
  next(): number;
  /** Ends it. @returns the longest pause in milliseconds, one that still lasts included. */
  end(): number;
}

/** A meter that has heard nothing yet. */
export function createSilenceMeter(clock: Clock): SilenceMeter {
  let lastMs = clock.nowMs();
  let longestMs = 0;
  const note = (): void => {
    const nowMs = clock.nowMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  return {
    heard: note,
    begin: () => {
      note();
      longestMs = 0;
    },
    next: () => {
      const partMs = longestMs;
      longestMs = 0;
      return partMs;
    },
    end: () => {
      note();
      return longestMs;
    },
  };
}

/** Calls again and again until stopped; a beat that takes longer than the period is not repeated to catch up. */
export function everyMs(clock: Clock, periodMs: number, beat: () => void): Timer {
  let timer: Timer;
  let stopped = false;
  const next = (): void => {
    if (stopped) return;
    beat();
    timer = clock.after(periodMs, next);
  };
  timer = clock.after(periodMs, next);
  return {
    stop: () => {
      stopped = true;
      timer.stop();
    },
  };
}

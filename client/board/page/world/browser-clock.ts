import type { Clock } from '#common/time/clock.js';

/** Clock of the browser. Timers of a page that is not shown may be a second late, or a minute. */
export function createBrowserClock(): Clock {
  return {
    nowMs: () => performance.now(),
    date: () => new Date(),
    after: (delayMs, fire) => {
      const handle = window.setTimeout(fire, Math.min(delayMs, longestMs));
      return { stop: () => window.clearTimeout(handle) };
    },
  };
}

// Browsers fire what is longer at once.
const longestMs = 2 ** 31 - 1;

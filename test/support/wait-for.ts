import { createSystemClock, sleep } from '#common/time/clock.js';
import { turn } from './settle.js';

const clock = createSystemClock({ keepsAlive: true });
/** For so long a condition is asked after each turn of the event loop: most that is waited for comes in no time. */
const promptMs = 10;

/**
 * Resolves when a condition holds. It is asked after each turn of the event loop at first, then after 10 ms and ever less often,
 * down to every 100 ms, as some conditions cost a process. @throws after `limitMs`, naming what was waited for.
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const startMs = clock.nowMs();
  for (let pauseMs = promptMs; !(await condition());) {
    const waitedMs = clock.nowMs() - startMs;
    if (waitedMs > limitMs) throw new Error(`Waited ${limitMs} ms for ${what} in vain.`);
    if (waitedMs < promptMs) {
      await turn();
    } else {
      await sleep(clock, pauseMs);
      pauseMs = Math.min(100, pauseMs * 1.5);
    }
  }
}

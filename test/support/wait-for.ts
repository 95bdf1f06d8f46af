import { createSystemClock, sleep } from '#common/time/clock.js';

const clock = createSystemClock({ keepsAlive: true });

/**
 * Resolves when a condition holds. It is asked after 10 ms and ever less often, down to every 100 ms, as some conditions cost a
 * process. @throws after `limitMs`, naming what was waited for.
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const deadlineMs = clock.nowMs() + limitMs;
  for (let pauseMs = 10; !(await condition()); pauseMs = Math.min(100, pauseMs * 1.5)) {
    if (clock.nowMs() > deadlineMs) throw new Error(`Waited ${limitMs} ms for ${what} in vain.`);
    await sleep(clock, pauseMs);
  }
}

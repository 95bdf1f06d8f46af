import { createSystemClock, sleep } from '#common/time/clock.js';

const clock = createSystemClock({ keepsAlive: true });

/** Resolves when a condition holds, asked every 10 ms. @throws after `limitMs`, naming what was waited for. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const deadlineMs = clock.nowMs() + limitMs;
  while (!(await condition())) {
    if (clock.nowMs() > deadlineMs) throw new Error(`Waited ${limitMs} ms for ${what} in vain.`);
    await sleep(clock, 10);
  }
}

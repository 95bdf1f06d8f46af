import { expect, test } from '@jest/globals';
import { createFakeClock } from './clock.js';
import { startSweeping } from './sweep.js';

test('time in which the process did not run is not counted', () => {
  const clock = createFakeClock();
  const { signal } = new AbortController();
  let behindMs = 0;
  let countedMs = 0;
  // A process that was stopped finds its timers due and its clock far ahead.
  const stopped = { ...clock, nowMs: () => clock.nowMs() + behindMs };
  startSweeping({ clock: stopped, limitMs: 100_000, longestStepMs: 5_000, counts: () => true, signal }, (elapsedMs) => {
    countedMs += elapsedMs;
  });
  for (let second = 0; second < 50; second++) clock.advance(1_000);
  expect(countedMs).toBe(50_000);
  behindMs = 3_600_000;
  for (let second = 0; second < 50; second++) clock.advance(1_000);
  expect(countedMs).toBeLessThanOrEqual(105_000);
});

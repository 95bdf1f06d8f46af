import { describe, expect, jest, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { runHandovers } from '#test/handovers/run-handovers.js';

jest.setTimeout(600_000);

const run = (options: { readonly seed: number; readonly count: number; readonly faultShare: number }) =>
  runHandovers({ ...options, sessions: 8, clock: createSystemClock() });

describe('sessions that write while their worker is replaced by one beside it', () => {
  test('lose nothing, and nothing of them is repeated or moved', async () => {
    const { handovers, outcomes, wrong } = await run({ seed: 1, count: 20, faultShare: 0 });
    expect(wrong).toEqual([]);
    // Whoever does not come to rest in time is written down, which a busy machine does to some.
    expect(handovers.reduce((sum, { moved = 0 }) => sum + moved, 0)).toBeGreaterThan(80);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(8).fill('exact'));
  });

  test('are told what is lost, and nothing else happens to them, while workers are killed and clients cut', async () => {
    const { handovers, wrong } = await run({ seed: 2, count: 20, faultShare: 0.8 });
    expect(wrong).toEqual([]);
    expect(new Set(handovers.map(({ fault }) => fault)).size).toBeGreaterThan(3);
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { runHandovers } from '#test/handovers/run-handovers.js';

jest.setTimeout(600_000);

const run = (options: { readonly seed: number; readonly count: number; readonly faultShare: number }) =>
  runHandovers({ ...options, sessions: 8, clock: createSystemClock() });

describe('sessions that write while the worker of their node is replaced, by an agent of another pod or by their own', () => {
  test('lose nothing, and nothing of them is repeated or moved', async () => {
    const { handovers, outcomes, wrong } = await run({ seed: 1, count: 10, faultShare: 0 });
    expect(wrong).toEqual([]);
    expect(new Set(handovers.map(({ way }) => way)).size).toBe(3);
    // Whoever does not come to rest in time is written down, which a busy machine does to some.
    expect(handovers.reduce((sum, { moved = 0 }) => sum + moved, 0)).toBeGreaterThan(8);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(8).fill('exact'));
  });

  test('are told what is lost, and nothing else happens to them, while workers, agents and clients are killed', async () => {
    const { handovers, wrong } = await run({ seed: 2, count: 20, faultShare: 0.8 });
    expect(wrong).toEqual([]);
    expect(new Set(handovers.map(({ fault }) => fault)).size).toBeGreaterThan(5);
  });
});

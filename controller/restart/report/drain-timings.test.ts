import { beforeEach, describe, expect, test } from '@jest/globals';

import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';

import { createNoRestartMetrics } from '../../metrics/restart-metrics.js';
import { createDrainTimings, type DrainTimings } from './drain-timings.js';

const inState = (state: State): GateStatus => ({ state, holders: [] }) as unknown as GateStatus;

describe('timings of a drain', () => {
  let clock: FakeClock;
  let timings: DrainTimings;
  let told: [string, number][];

  beforeEach(() => {
    clock = createFakeClock();
    told = [];
    timings = createDrainTimings(
      {
        ...createNoRestartMetrics(),
        replacement: (tookMs) => told.push(['replacement', tookMs]),
        restartGap: (tookMs) => told.push(['gap', tookMs]),
      },
      clock,
    );
  });

  const hear = (state: State, laterMs: number): void => {
    timings.heard('uid', inState(state));
    clock.advance(laterMs);
  };

  test('count the gap from the first moment without an attachment to the replacement serving', () => {
    hear(State.CHECKPOINTED, 400);
    hear(State.RELEASED, 100);
    hear(State.CLOSED, 50);
    timings.killed('uid');
    clock.advance(2_000);
    timings.replaced('uid', false);
    expect(told).toEqual([
      ['replacement', 2_000],
      ['gap', 2_150],
    ]);
  });

  test('count neither for a pod whose replacement served before it went', () => {
    hear(State.CLOSED, 50);
    timings.killed('uid');
    timings.replaced('uid', true);
    timings.replaced('uid', false);
    expect(told).toEqual([]);
  });

  test('count no gap for a drain that was called off', () => {
    hear(State.CLOSED, 100);
    hear(State.SERVING, 100);
    timings.replaced('uid', false);
    expect(told).toEqual([]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { sampleLane, sampleRestart } from '#test/board/samples.js';
import { laneStops, restartsInOrder, shownLanes } from './lane-layout.js';

const stops = (lane: Parameters<typeof laneStops>[0]) => laneStops(lane).map((stop) => stop.is);

describe('lanes', () => {
  test('show what is behind a pod, where it is, and what is ahead', () => {
    expect(stops(sampleLane(1))).toEqual(['passed', 'passed', 'now', 'ahead', 'ahead']);
    expect(stops(sampleLane(1, { stage: 'Succeeded' }))).toEqual(['passed', 'passed', 'passed', 'passed', 'passed']);
    expect(laneStops(sampleLane(1))[3]).toEqual({ stage: 'Gone', is: 'ahead', at: '' });
  });

  test('end where a pod failed: at the last stage where it was seen', () => {
    const times = { Claimed: 'a', Warm: 'b', Draining: 'c' };
    expect(stops(sampleLane(1, { stage: 'Failed', times }))).toEqual(['passed', 'passed', 'failed', 'ahead', 'ahead']);
    expect(stops(sampleLane(1, { stage: 'Failed', times: {} }))[0]).toBe('failed');
  });

  test('stay few: failed pods first, then those under way as they began, then those that just arrived', () => {
    const lanes = [
      sampleLane(2, { times: { Claimed: '2026-01-31T12:02:00Z' } }),
      sampleLane(1, { times: { Claimed: '2026-01-31T12:01:00Z' } }),
      sampleLane(9, { stage: 'Failed' }),
    ];
    const restart = sampleRestart('a', { lanes });
    const arrived = [
      { restart: restart.uid, lane: sampleLane(5, { stage: 'Succeeded' }), atMs: 100 },
      { restart: 'another', lane: sampleLane(6, { stage: 'Succeeded' }), atMs: 100 },
    ];
    const pods = (nowMs: number) => shownLanes(restart, arrived, nowMs).lanes.map(({ uid }) => uid);
    expect(pods(200)).toEqual(['pod-9', 'pod-1', 'pod-2', 'pod-5']);
    expect(pods(60_000)).toEqual(['pod-9', 'pod-1', 'pod-2']);
  });

  test('say how many are not shown', () => {
    const failed = Array.from({ length: 40 }, (_, number) => sampleLane(number, { stage: 'Failed' }));
    const moving = Array.from({ length: 40 }, (_, number) => sampleLane(100 + number));
    const shown = shownLanes(sampleRestart('a', { lanes: [...failed, ...moving] }), [], 0);
    expect(shown.lanes).toHaveLength(24);
    expect(shown.lanes.filter(({ stage }) => stage === 'Failed')).toHaveLength(12);
    expect(shown.hidden).toBe(56);
  });
});

test('restarts under way come before those that are over, the newest first', () => {
  const over = Array.from({ length: 8 }, (_, number) =>
    sampleRestart(`over-${number}`, { createdAt: `2026-01-0${number + 1}T00:00:00Z`, finishedAt: 'x' }),
  );
  const names = restartsInOrder([...over, sampleRestart('now', { createdAt: '2025-01-01T00:00:00Z' })], 2);
  expect(names.map(({ name }) => name)).toEqual(['now', 'over-7', 'over-6']);
});

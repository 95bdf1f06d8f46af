import { expect, test } from '@jest/globals';
import { gapFigures, withGap, type SessionGap } from './gap-log.js';

const gap = (ms: number, changes: Partial<SessionGap> = {}): SessionGap => ({
  session: 's',
  ms,
  cause: 'restart',
  at: `at ${ms}`,
  ...changes,
});

test('a gap that two views tell of is one', () => {
  expect(withGap(withGap([], gap(5)), gap(5))).toHaveLength(1);
  expect(withGap(withGap([], gap(5)), gap(5, { session: 'other' }))).toHaveLength(2);
});

test('gaps are kept up to a thousand, the newest', () => {
  const gaps = Array.from({ length: 1_001 }, (_, ms) => gap(ms)).reduce<readonly SessionGap[]>(withGap, []);
  expect([gaps.length, gaps[0]?.ms]).toEqual([1_000, 1]);
});

test('figures are of all gaps, and of each cause that there is', () => {
  const gaps = [gap(10), gap(30), gap(20, { cause: 'cut' })];
  expect(gapFigures(gaps)).toEqual([
    { of: 'all', figures: { count: 3, p50: 20, p99: 30, max: 30 } },
    { of: 'restart', figures: { count: 2, p50: 10, p99: 30, max: 30 } },
    { of: 'cut', figures: { count: 1, p50: 20, p99: 20, max: 20 } },
  ]);
});

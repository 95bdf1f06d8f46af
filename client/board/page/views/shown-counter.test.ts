import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { ShownCounter } from './shown-counter.js';

test('tells of few bytes after a moment, together, and of many at once', () => {
  const clock = createFakeClock();
  const told: number[] = [];
  const counter = new ShownCounter(clock, (bytes) => void told.push(bytes));
  counter.add(10);
  counter.add(5);
  expect(told).toEqual([]);
  clock.advance(40);
  expect(told).toEqual([15]);
  counter.add(32 * 1024);
  expect(told).toEqual([15, 15 + 32 * 1024]);
  expect(clock.pending()).toBe(0);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { durationToMs, msToDuration } from './duration.js';

test('any whole number of milliseconds survives both ways', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
      expect(durationToMs(msToDuration(ms), -1)).toBeCloseTo(ms, 6);
    }),
  );
});

test('nanoseconds stay below one second', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      const { nanos } = msToDuration(ms);
      expect(nanos).toBeGreaterThanOrEqual(0);
      expect(nanos).toBeLessThan(1e9);
    }),
  );
});

test('a duration that is not set takes the fallback, a negative one is zero', () => {
  expect(durationToMs(undefined, 7)).toBe(7);
  expect(msToDuration(-5)).toEqual({ seconds: 0, nanos: 0 });
});

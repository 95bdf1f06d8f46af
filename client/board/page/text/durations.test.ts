import { expect, test } from '@jest/globals';
import { ageText, spanText, timeOfDay } from './durations.js';

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h'],
  [47 * 3_600_000, '47 h'],
  [49 * 3_600_000, '2 d'],
])('an age of %i ms is %s', (ms, text) => {
  expect(ageText(ms)).toBe(text);
});

test.each([
  [12.4, '12 ms'],
  [1_240, '1.2 s'],
  [125_000, '2 min 5 s'],
])('a span of %d ms is %s', (ms, text) => {
  expect(spanText(ms)).toBe(text);
});

test('a moment has a time of day, and what is no moment has none', () => {
  expect(timeOfDay('2027-01-31T03:00:09Z')).toMatch(/^\d\d:\d\d:09$/);
  expect(timeOfDay('soon')).toBe('');
});

import { expect, test } from '@jest/globals';
import { momentToMs } from './moment.js';

test.each([
  ['2027-01-31T03:00:00Z', Date.UTC(2027, 0, 31, 3)],
  ['2027-01-31T03:00Z', Date.UTC(2027, 0, 31, 3)],
  ['2027-01-31T03:00:00.5+01:30', Date.UTC(2027, 0, 31, 1, 30, 0, 500)],
  ['2027-01-31T03:00:00', undefined],
  ['2027-01-31', undefined],
  ['2027-13-31T03:00:00Z', undefined],
  ['2027-01-31 03:00:00Z', undefined],
  ['1801364400', undefined],
  ['', undefined],
])('%j is %p', (text, ms) => {
  expect(momentToMs(text)).toBe(ms);
});

import { expect, test } from '@jest/globals';
import { readKeepMs } from './read-keep-ms.js';

test('HOMEs are kept for ever without a number of days, and with 0', () => {
  expect([readKeepMs(undefined), readKeepMs('0'), readKeepMs('30')]).toEqual([undefined, undefined, 30 * 86_400_000]);
});

test.each(['', '-1', '1.5', '1d', '36501', '999999'])('"%s" is no number of days', (text) => {
  expect(() => readKeepMs(text)).toThrow(/homesKeepDays/);
});

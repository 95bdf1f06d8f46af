import { expect, test } from '@jest/globals';
import { movedIndex } from './moved-index.js';

test.each([
  ['ArrowDown', 3, 4],
  ['ArrowDown', 9, 9],
  ['ArrowUp', 0, 0],
  ['PageDown', 1, 4],
  ['PageUp', 8, 5],
  ['Home', 5, 0],
  ['End', 5, 9],
  ['a', 5, null],
])('%s at %i goes to %j', (key, at, to) => {
  expect(movedIndex(key, { at, count: 10, page: 4 })).toBe(to);
});

test('nowhere in an empty list', () => {
  expect(movedIndex('End', { at: -1, count: 0, page: 4 })).toBeNull();
});

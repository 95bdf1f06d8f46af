import { expect, test } from '@jest/globals';
import { parseQuantity } from './quantity.js';

test.each([
  ['2', 2],
  ['1500m', 1.5],
  ['0.5', 0.5],
  ['64Mi', 64 * 1024 * 1024],
  ['1G', 1e9],
  ['12e6', 12e6],
  ['100n', 1e-7],
  [undefined, 0],
  ['much', 0],
  ['1Zi', 0],
])('the quantity %s is %d', (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value, 12);
});

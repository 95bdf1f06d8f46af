import { expect, test } from '@jest/globals';
import { mayChangeUid } from './may-change-uid.js';

test.each([
  ['00000000000001e1', true],
  ['000001ffffffffff', true],
  ['00000000000001e0', false],
  ['0000000000000000', false],
])('capabilities %s: %s', (bits, expected) => {
  expect(mayChangeUid(`Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${bits}\n`)).toBe(expected);
});

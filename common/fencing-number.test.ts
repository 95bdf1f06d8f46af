import { expect, test } from '@jest/globals';
import { fencingFault } from './fencing-number.js';

test.each([
  [0, 0],
  [1, 1],
  [2 ** 30, 2 ** 31 - 1],
])('fencing %d and generation %d are possible', (fencing, generation) => {
  expect(fencingFault({ fencing, generation })).toBeUndefined();
});

test.each([-1, 0.5, 2 ** 30 + 1, 2_147_483_647, 2 ** 32, Number.MAX_SAFE_INTEGER, NaN, Infinity])(
  'no leader has the fencing number %d',
  (fencing) => {
    expect(fencingFault({ fencing, generation: 1 })).toMatch(/^The fencing number .+ is not one of 0 to 1073741824\.$/);
  },
);

test.each([-1, 2 ** 31, 2 ** 53])('no attempt has the generation %d', (generation) => {
  expect(fencingFault({ fencing: 1, generation })).toMatch(/^The generation .+ is not one of 0 to 2147483647\.$/);
});

import { expect, test } from '@jest/globals';
import { parametersOf } from './parameters-of.js';

test('a parameter is what stands before the first sign of equality, and its value what stands behind it', () => {
  expect(parametersOf(' lines = 200 \nquery=a=b\n\nnothing\n=x\nempty=')).toEqual({
    lines: '200',
    query: 'a=b',
    empty: '',
  });
});

import { expect, test } from '@jest/globals';
import { stableText } from './stable-text.js';

test('equal values have the same text, in whatever order their keys were written', () => {
  expect(stableText({ b: [{ d: 1, c: null }, 'x'], a: undefined })).toBe('{"b":[{"c":null,"d":1},"x"]}');
  expect(stableText({ b: 1, a: { d: 2, c: 3 } })).toBe(stableText({ a: { c: 3, d: 2 }, b: 1 }));
  expect(stableText([2, 1])).not.toBe(stableText([1, 2]));
});

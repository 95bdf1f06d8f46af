import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isEqualJson } from './equal-json.js';
import { stableText } from './stable-text.js';

describe('two values', () => {
  test('are equal exactly when their JSON is, with keys in order', () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const likely = fc.oneof(fc.tuple(value, value), fc.tuple(fc.constantFrom(0, '', [], {}, null, [null]), value));
    fc.assert(fc.property(likely, ([a, b]) => isEqualJson(a, b) === (stableText(a) === stableText(b))));
  });

  test('differ by one value, and not by the order of keys or by what is undefined', () => {
    const one = { a: 1, b: [{ c: 2, d: 'x' }, null], e: undefined };
    expect(isEqualJson(one, { b: [{ d: 'x', c: 2 }, null], a: 1 })).toBe(true);
    expect(isEqualJson({ b: [{ d: 'x', c: 2 }, null], a: 1 }, one)).toBe(true);
    expect(isEqualJson(one, { ...one, e: 0 })).toBe(false);
    expect(isEqualJson({ ...one, e: 0 }, one)).toBe(false);
    expect(isEqualJson(one, { ...one, b: [{ c: 2, d: 'x' }] })).toBe(false);
    expect(isEqualJson([], {})).toBe(false);
    expect(isEqualJson(undefined, null)).toBe(false);
  });
});

import { describe, expect, test } from '@jest/globals';
import { growthOf } from './growth.js';

describe('growth', () => {
  test('is flat for memory that is higher at the end of the first half, and then stays', () => {
    const samples = Array.from({ length: 100 }, (_, at) => Math.min(at, 45) + (at % 5));
    expect(growthOf(samples)).toMatchObject({ isFlat: true });
  });

  test('is not flat for 64 bytes a call', () => {
    const samples = Array.from({ length: 100 }, (_, at) => 100 + (at * 11_000 * 64) / 1024 / 1024);
    expect(growthOf(samples)).toMatchObject({ isFlat: false });
  });

  test('does not mind a single peak', () => {
    const samples = Array.from({ length: 100 }, (_, at) => (at === 90 ? 900 : 100));
    expect(growthOf(samples)).toMatchObject({ fromMib: 100, toMib: 100, isFlat: true });
  });
});

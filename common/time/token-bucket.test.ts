import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from './clock.js';
import { createTokenBucket } from './token-bucket.js';

describe('a token bucket', () => {
  test('gives its burst at once, then what comes back', () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ clock, burst: 3, perSecond: 2 });
    expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false]);
    expect(bucket.waitMs()).toBe(500);
    clock.advance(500);
    expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  });

  test('never holds more than its burst', () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ clock, burst: 2, perSecond: 10 });
    clock.advance(60_000);
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, false]);
  });

  test('counts what happened already, up to a debt of one burst', () => {
    const clock = createFakeClock();
    const bucket = createTokenBucket({ clock, burst: 2, perSecond: 1 });
    for (let count = 0; count < 100; count++) bucket.charge();
    expect(bucket.waitMs()).toBe(3_000);
    expect(bucket.full()).toBe(false);
    clock.advance(3_000);
    expect(bucket.available()).toBe(true);
    clock.advance(1_000);
    expect(bucket.full()).toBe(true);
  });
});

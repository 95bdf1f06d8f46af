import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import { createLatch } from '#common/latch.js';
import { createDecisionCache, type DecisionCache } from './decision-cache.js';

let clock: FakeClock;
let asked: number;
let cache: DecisionCache<boolean>;
beforeEach(() => {
  clock = createFakeClock();
  asked = 0;
  cache = create();
});

function create(limits: { entries?: number; questions?: number } = {}): DecisionCache<boolean> {
  const validity = (allowed: boolean): { freshMs: number; graceMs: number } =>
    allowed ? { freshMs: 60_000, graceMs: 600_000 } : { freshMs: 5_000, graceMs: 0 };
  return createDecisionCache({ clock, isPositive: (allowed) => allowed, validity, ...limits });
}

const answer = (value: boolean) => (): Promise<boolean> => {
  asked++;
  return Promise.resolve(value);
};
const down = (): Promise<boolean> => {
  asked++;
  return Promise.reject(new PaneletError('API_UNAVAILABLE', 'down'));
};

describe('the cache of decisions', () => {
  test('asks again when a decision is not fresh any more, a refusal sooner', async () => {
    expect(await cache.get('a', answer(true))).toBe(true);
    expect(await cache.get('b', answer(false))).toBe(false);
    clock.advance(4_999);
    expect([await cache.get('a', answer(false)), await cache.get('b', answer(true))]).toEqual([true, false]);
    expect(asked).toBe(2);
    clock.advance(1);
    expect(await cache.get('b', answer(true))).toBe(true);
    clock.advance(55_000);
    expect(await cache.get('a', answer(false))).toBe(false);
    expect(asked).toBe(4);
  });

  test('asks one question for all who wait for it', async () => {
    const latch = createLatch<boolean>();
    let runs = 0;
    const slow = (): Promise<boolean> => {
      runs++;
      return latch.promise;
    };
    const all = [cache.get('a', slow), cache.get('a', slow), cache.get('a', slow)];
    latch.resolve(true);
    expect(await Promise.all(all)).toEqual([true, true, true]);
    expect(runs).toBe(1);
  });

  test('uses a decision in its grace while nobody can be asked, and asks once a second', async () => {
    await cache.get('a', answer(true));
    clock.advance(60_000);
    expect(await cache.get('a', down)).toBe(true);
    expect(await cache.get('a', down)).toBe(true);
    expect(asked).toBe(2);
    clock.advance(1_000);
    expect(await cache.get('a', answer(false))).toBe(false);
  });

  test('has no decision when its grace is over, or it was a refusal', async () => {
    await cache.get('a', answer(true));
    await cache.get('b', answer(false));
    clock.advance(600_000);
    await expect(cache.get('a', down)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    await expect(cache.get('b', down)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    await expect(cache.get('c', down)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
  });

  test('uses nothing old when asking fails for another reason', async () => {
    await cache.get('a', answer(true));
    clock.advance(60_000);
    await expect(cache.get('a', () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  });

  test('holds no more than its bound, and lets a flood of refusals push out refusals only', async () => {
    cache = create({ entries: 10 });
    for (let index = 0; index < 5; index++) await cache.get(`good-${index}`, answer(true));
    for (let index = 0; index < 100; index++) await cache.get(`bad-${index}`, answer(false));
    expect(cache.size()).toBe(10);
    const before = asked;
    for (let index = 0; index < 5; index++) await cache.get(`good-${index}`, answer(true));
    expect(asked).toBe(before);
  });

  test('asks no more than its bound at once', async () => {
    cache = create({ questions: 2 });
    const latch = createLatch<boolean>();
    const slow = [cache.get('a', () => latch.promise), cache.get('b', () => latch.promise)];
    await expect(cache.get('c', answer(true))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    latch.resolve(true);
    await Promise.all(slow);
    expect(await cache.get('c', answer(true))).toBe(true);
  });
});

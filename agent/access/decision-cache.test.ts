import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { createSeededRandom } from '#common/random.js';
import { settle } from '#test/support/settle.js';
import { createDecisionCache, type DecisionCache, type Inquirer } from './decision-cache.js';

let clock: FakeClock;
let asked: number;
let decisions: DecisionCache<boolean>;
beforeEach(() => {
  clock = createFakeClock();
  asked = 0;
  decisions = create();
});

/** Looks a decision up, on a connection of its own unless one is given. */
const cache = {
  get: (key: string, ask: () => Promise<boolean>, inquirer = on(`own-${nextId++}`)): Promise<boolean> =>
    decisions.get(key, ask, inquirer),
};
let nextId = 0;

function on(id: string, signal?: AbortSignal): Inquirer {
  return { asker: { id, group: '10.0.0.9', proven: false }, signal };
}

function create(limits: { entries?: number; underWay?: number; waiting?: number } = {}): DecisionCache<boolean> {
  const validity = (allowed: boolean): { freshMs: number; graceMs: number } =>
    allowed ? { freshMs: 60_000, graceMs: 600_000 } : { freshMs: 5_000, graceMs: 0 };
  const { entries = 4096, underWay = 16, waiting = 64 } = limits;
  const turns = { underWay, underWayEach: 1, waiting, waitingEach: { stranger: 4, proven: 8 } };
  const random = createSeededRandom(1);
  return createDecisionCache({ clock, random, isPositive: (allowed) => allowed, validity, turns, entries });
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

  test('uses nothing in its grace for somebody who has to be sure, also right after somebody else used it', async () => {
    const sure = { ...on('sure'), sure: true };
    await cache.get('a', answer(true));
    expect(await cache.get('a', down, sure)).toBe(true);
    clock.advance(60_000);
    await expect(cache.get('a', down, sure)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    expect(await cache.get('a', down)).toBe(true);
    await expect(cache.get('a', down, sure)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' });
    expect(await cache.get('a', answer(false), sure)).toBe(false);
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
    decisions = create({ entries: 10 });
    for (let index = 0; index < 5; index++) await cache.get(`good-${index}`, answer(true));
    for (let index = 0; index < 100; index++) await cache.get(`bad-${index}`, answer(false));
    expect(decisions.size()).toBe(10);
    const before = asked;
    for (let index = 0; index < 5; index++) await cache.get(`good-${index}`, answer(true));
    expect(asked).toBe(before);
  });

  test('asks no more than its bound at once, and the others when one is answered', async () => {
    decisions = create({ underWay: 2 });
    const latch = createLatch<boolean>();
    const slow = [cache.get('a', () => latch.promise), cache.get('b', () => latch.promise)];
    const waits = cache.get('c', answer(true));
    await settle();
    expect(asked).toBe(0);
    latch.resolve(true);
    expect(await Promise.all([...slow, waits])).toEqual([true, true, true]);
    expect(decisions.open()).toBe(0);
  });

  test('refuses what one connection asks beyond its own line, and nobody else', async () => {
    const latch = createLatch<boolean>();
    const flood = Array.from({ length: 10 }, (_, n) => cache.get(`bad-${n}`, () => latch.promise, on('flood')));
    const outcomes = Promise.allSettled(flood);
    expect(await cache.get('good', answer(true))).toBe(true);
    latch.resolve(false);
    const refused = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const one of refused) expect(one).toMatchObject({ reason: { code: 'LIMIT_EXCEEDED' } });
    expect(decisions.open()).toBe(0);
  });

  test('asks a question for those that still wait when the connection that asked first ends or gives way', async () => {
    decisions = create({ underWay: 1 });
    const latch = createLatch<boolean>();
    const first = cache.get('a', () => latch.promise, on('one'));
    const gone = new AbortController();
    const left = cache.get('shared', answer(true), on('two', gone.signal));
    const stays = cache.get('shared', answer(true), on('three'));
    const alone = cache.get('alone', answer(true), on('two', gone.signal));
    gone.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(alone).rejects.toThrow('gone');
    latch.resolve(true);
    expect(await Promise.all([first, stays])).toEqual([true, true]);
    // What only the one that has gone waited for was never asked.
    expect(asked).toBe(1);
    expect(decisions.open()).toBe(0);
  });

  test('keeps a place as long as one call of the connection waits', async () => {
    decisions = create({ underWay: 1 });
    const latch = createLatch<boolean>();
    const first = cache.get('a', () => latch.promise);
    const gone = new AbortController();
    const calls = [cache.get('b', answer(true), on('one', gone.signal)), cache.get('b', answer(true), on('one'))];
    gone.abort(new Error('gone'));
    await expect(calls[0]).rejects.toThrow('gone');
    latch.resolve(true);
    expect(await Promise.all([first, calls[1]])).toEqual([true, true]);
  });

  test('answers after 10 s: that nobody can say, or with a decision in its grace, after 5 s then', async () => {
    decisions = create({ underWay: 1 });
    await cache.get('known', answer(true));
    clock.advance(60_000);
    const never = createLatch<boolean>();
    const waiting = [cache.get('a', () => never.promise), cache.get('b', answer(true))];
    const outcomes = Promise.allSettled(waiting);
    const known = cache.get('known', answer(false));
    clock.advance(5_000);
    expect(await known).toBe(true);
    clock.advance(5_000);
    const unavailable = { status: 'rejected', reason: expect.objectContaining({ code: 'API_UNAVAILABLE' }) as unknown };
    expect(await outcomes).toEqual([unavailable, unavailable]);
    expect(clock.pending()).toBe(0);
    // The one under way is, until it is answered; then nothing is left.
    expect(decisions.open()).toBe(1);
    never.resolve(true);
    await settle();
    expect(decisions.open()).toBe(0);
  });

  test('asks again for a decision that was positive before it asks for strangers of the same address', async () => {
    decisions = create({ underWay: 1 });
    await cache.get('known', answer(true));
    clock.advance(60_000);
    const order: string[] = [];
    const asking = (key: string): Promise<boolean> =>
      cache.get(key, () => {
        order.push(key);
        return Promise.resolve(false);
      });
    await Promise.all(['a', 'b', 'c', 'known', 'd'].map(asking));
    expect(order).toEqual(['a', 'known', 'b', 'c', 'd']);
  });
});

/** Lets promises that can settle do so. */

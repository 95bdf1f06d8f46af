import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { PacedStream, type PacedNews } from './paced-stream.js';

let clock: FakeClock;
let now: number;
let told: number[];
let taken: (() => void)[];
let looks: number;
let again: number | undefined;
let failures: unknown[];

/** Tells a number when it has changed. */
function begin(look?: () => PacedNews<number>): PacedStream<number> {
  const stream = new PacedStream<number>({
    clock,
    restMs: 250,
    look:
      look ??
      (() => {
        looks++;
        return { message: told.at(-1) === now ? undefined : now, againInMs: again };
      }),
    write: (message, onTaken) => {
      told.push(message);
      taken.push(onTaken);
    },
    onFailed: (error) => failures.push(error),
  });
  stream.begin();
  return stream;
}

const take = (): void => taken.pop()?.();

describe('a paced stream', () => {
  beforeEach(() => {
    clock = createFakeClock();
    [now, told, taken, looks, again, failures] = [1, [], [], 0, undefined, []];
  });

  test('tells at once, and then what a storm of changes has come to, once in a while', () => {
    const stream = begin();
    take();
    expect(told).toEqual([1]);
    for (let change = 0; change < 1_000; change++) {
      now++;
      stream.changed();
      clock.advance(1);
      take();
    }
    clock.advance(250);
    expect(told.length).toBeLessThanOrEqual(6);
    expect(told.at(-1)).toBe(1_001);
    const before = looks;
    clock.advance(60_000);
    expect(looks).toBe(before);
  });

  test('tells a change at once when it has said nothing for a while', () => {
    const stream = begin();
    take();
    clock.advance(10_000);
    now = 2;
    stream.changed();
    clock.advance(0);
    expect(told).toEqual([1, 2]);
  });

  test('keeps nothing for a reader who does not read, and tells him later how it is then', () => {
    const stream = begin();
    for (let change = 0; change < 100; change++) {
      now++;
      stream.changed();
      clock.advance(1_000);
    }
    expect(told).toEqual([1]);
    expect(looks).toBe(1);
    take();
    clock.advance(0);
    expect(told).toEqual([1, 101]);
  });

  test('looks again by itself for what was kept back', () => {
    again = 2_000;
    begin();
    take();
    again = undefined;
    now = 2;
    clock.advance(1_999);
    expect(told).toEqual([1]);
    clock.advance(1);
    expect(told).toEqual([1, 2]);
  });

  test('is over once it is closed, or looking has failed', () => {
    const closed = begin();
    take();
    closed.changed();
    closed.close();
    clock.advance(10_000);
    expect(looks).toBe(1);
    const error = new Error('There is no such gate any more.');
    const failing = begin(() => {
      throw error;
    });
    failing.changed();
    clock.advance(10_000);
    expect(failures).toEqual([error]);
    expect(clock.pending()).toBe(0);
  });
});

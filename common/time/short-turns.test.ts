import { expect, test } from '@jest/globals';
import { createFakeClock } from './clock.js';
import { createShortTurns } from './short-turns.js';

/** Turns that end when they are told to, by their number. */
function scriptedTurns(limits: Parameters<typeof createShortTurns>[1]) {
  const clock = createFakeClock();
  const turns = createShortTurns(clock, limits);
  const begun: number[] = [];
  const ends = new Map<number, { readonly resolve: (text: string) => void; readonly reject: (error: Error) => void }>();
  const take = (number: number): Promise<string> =>
    turns(() => {
      begun.push(number);
      return new Promise((resolve, reject) => ends.set(number, { resolve, reject }));
    });
  const settle = async (): Promise<void> => {
    for (let index = 0; index < 20; index += 1) await Promise.resolve();
  };
  return { clock, begun, ends, take, settle };
}

test('a turn begins when one of the few has ended, and gives what it comes to', async () => {
  const { clock, begun, ends, take, settle } = scriptedTurns({ short: 2, patienceMs: 100, all: 4 });
  const results = [1, 2, 3].map((number) => take(number));
  await settle();
  expect(begun).toEqual([1, 2]);
  ends.get(1)?.resolve('first');
  await settle();
  expect(begun).toEqual([1, 2, 3]);
  ends.get(3)?.resolve('third');
  await expect(results[0]).resolves.toBe('first');
  await expect(results[2]).resolves.toBe('third');
  ends.get(2)?.resolve('second');
  await settle();
  expect(clock.pending()).toBe(0);
});

test('a turn that takes long leaves its place to the next one, up to the number of all', async () => {
  const { clock, begun, ends, take, settle } = scriptedTurns({ short: 1, patienceMs: 100, all: 2 });
  const results = [1, 2, 3].map((number) => take(number));
  await settle();
  expect(begun).toEqual([1]);
  clock.advance(99);
  await settle();
  expect(begun).toEqual([1]);
  clock.advance(1);
  await settle();
  expect(begun).toEqual([1, 2]);
  clock.advance(1_000);
  await settle();
  expect(begun).toEqual([1, 2]);
  ends.get(1)?.resolve('first');
  await settle();
  expect(begun).toEqual([1, 2, 3]);
  await expect(results[0]).resolves.toBe('first');
});

test('a turn that fails is told to who took it, and keeps no other one', async () => {
  const { clock, begun, ends, take, settle } = scriptedTurns({ short: 1, patienceMs: 100, all: 2 });
  const [first, second] = [take(1), take(2)];
  await settle();
  ends.get(1)?.reject(new Error('it fails'));
  await expect(first).rejects.toThrow('it fails');
  await settle();
  expect(begun).toEqual([1, 2]);
  clock.advance(100);
  ends.get(2)?.reject(new Error('late'));
  await expect(second).rejects.toThrow('late');
  expect(clock.pending()).toBe(0);
});

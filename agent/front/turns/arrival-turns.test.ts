import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSeededRandom } from '#common/random.js';
import { createArrivalTurns } from './arrival-turns.js';

describe('turns of connections that arrive', () => {
  test('go round the addresses, however many wait at one', () => {
    const turns = createArrivalTurns<string>(createSeededRandom(1));
    for (let count = 0; count < 100; count++) turns.add(`a${count}`, 'a');
    turns.add('b', 'b');
    turns.add('c', 'c');
    const taken = [turns.next(), turns.next(), turns.next()];
    expect(taken).toEqual([expect.stringMatching(/^a/), 'b', 'c']);
    expect(turns.size).toBe(99);
  });

  test('come to each that waits, exactly once, and to none that has left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { maxLength: 40 }),
        fc.array(fc.nat(39)),
        fc.integer(),
        (addresses, left, seed) => {
          const turns = createArrivalTurns<number>(createSeededRandom(seed));
          for (const [item, address] of addresses.entries()) turns.add(item, String(address));
          const gone = new Set(left.filter((item) => item < addresses.length));
          for (const item of left) turns.remove(item, String(addresses[item]));
          const taken: number[] = [];
          for (let next = turns.next(); next !== undefined; next = turns.next()) taken.push(next);
          const expected = addresses.map((_, item) => item).filter((item) => !gone.has(item));
          expect(taken.sort((a, b) => a - b)).toEqual(expected);
          expect(turns.size).toBe(0);
        },
      ),
    );
  });
});

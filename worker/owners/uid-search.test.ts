import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { searchUid } from './uid-search.js';

const owners = fc.array(fc.constantFrom('ann', 'bob', 'cy', 'dee', 'eve', 'fay'), { maxLength: 40 });

/** Walks of several workers at once: each step of a walk sees what all have claimed until then. */
function walk(range: { first: number; count: number }, asked: readonly string[], turns: readonly number[]) {
  const book = new Map<number, string>();
  const results = new Map<number, number | 'exhausted'>();
  const pending = new Map<number, number>();
  let turn = 0;
  while (results.size < asked.length) {
    const waiting = asked.map((_, index) => index).filter((index) => !results.has(index));
    const index = waiting[(turns[turn++ % turns.length] ?? 0) % waiting.length] ?? 0;
    const owner = asked[index] ?? '';
    const claimed = pending.get(index);
    // The claim that the last step decided on; link(2) lets one through.
    if (claimed !== undefined && !book.has(claimed)) book.set(claimed, owner);
    const step = searchUid({ ...range, identities: {} }, owner, (uid) => book.get(uid));
    if (step.kind === 'found') results.set(index, step.uid);
    else if (step.kind === 'claim') pending.set(index, step.uid);
    else results.set(index, 'exhausted');
  }
  return { book, results };
}

describe("the search for an owner's uid", () => {
  test('gives an owner one uid and a uid one owner, however workers take turns', () => {
    fc.assert(
      fc.property(
        owners,
        fc.array(fc.nat(50), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        (asked, turns, count) => {
          const { book, results } = walk({ first: 70_000, count }, asked, turns);
          expect(new Set(book.values()).size).toBe(book.size);
          for (const [index, uid] of results) {
            if (uid === 'exhausted') expect(book.size).toBe(count);
            else expect(book.get(uid)).toBe(asked[index]);
          }
        },
      ),
    );
  });

  test("gives a mapped identity its uid, and to nobody when that is somebody else's", () => {
    const range = { first: 70_000, count: 2, identities: { ann: 110_000 } };
    expect(searchUid(range, 'ann', () => undefined)).toEqual({ kind: 'claim', uid: 110_000 });
    expect(searchUid(range, 'ann', () => 'ann')).toEqual({ kind: 'found', uid: 110_000 });
    expect(searchUid(range, 'ann', () => 'bob')).toEqual({ kind: 'taken', uid: 110_000 });
  });

  test('takes no name of an object for a mapped identity', () => {
    expect(searchUid({ first: 70_000, count: 1, identities: {} }, 'constructor', () => undefined)).toEqual({
      kind: 'claim',
      uid: 70_000,
    });
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFairShares } from './fair-shares.js';

describe('fair shares', () => {
  test('the group that has most loses its oldest', () => {
    const out: string[] = [];
    const shares = createFairShares<string>({ items: 3 }, (item) => out.push(item));
    for (const [item, group] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['c1', 'c'],
    ] as const)
      shares.add(item, group);
    expect(out).toEqual(['a1']);
    expect([...shares.items()]).toEqual(['a2', 'b1', 'c1']);
  });

  test('who holds most bytes makes room for them', () => {
    const out: string[] = [];
    const shares = createFairShares<string>({ items: 10, bytes: 100 }, (item) => out.push(item));
    for (const [item, group] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ] as const)
      shares.add(item, group);
    shares.hold('a1', 20);
    shares.hold('a2', 50);
    shares.hold('b1', 30);
    expect(out).toEqual([]);
    shares.hold('b1', 60);
    expect(out).toEqual(['a2']);
    expect([shares.bytes, shares.bytesOf('a2')]).toEqual([80, 0]);
  });

  test('rules say which of a group goes, and which group of equals', () => {
    const out: string[] = [];
    const choose = (items: ReadonlySet<string>): string | undefined => [...items].at(-1);
    const shares = createFairShares<string>({ items: 2 }, (item) => out.push(item), { choose, tie: 'last' });
    for (const item of ['a', 'b', 'c']) shares.add(item, item);
    expect(out).toEqual(['c']);
    shares.remove('b');
    shares.add('a2', 'a');
    shares.add('d', 'd');
    expect(out).toEqual(['c', 'a2']);
  });

  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), group: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ kind: fc.constant('hold' as const), item: fc.nat(60), bytes: fc.nat(40) }),
    fc.record({ kind: fc.constant('remove' as const), item: fc.nat(60) }),
  );

  test('never hold more than the room, never lose a group that holds less than another, and account exactly', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const groupOf = new Map<number, string>();
        const held = new Map<number, number>();
        const sizes = (measure: (item: number) => number): Map<string, number> => {
          const sums = new Map<string, number>();
          for (const item of held.keys()) {
            const group = groupOf.get(item) ?? '';
            sums.set(group, (sums.get(group) ?? 0) + measure(item));
          }
          return sums;
        };
        const shares = createFairShares<number>({ items: 8, bytes: 100 }, (item) => {
          const counts = sizes(() => 1);
          const bytes = sizes((other) => held.get(other) ?? 0);
          const own = groupOf.get(item) ?? '';
          const tooMany = held.size > 8;
          const measured = tooMany ? counts : bytes;
          expect(measured.get(own)).toBe(Math.max(...measured.values()));
          held.delete(item);
        });
        let next = 0;
        for (const each of steps) {
          if (each.kind === 'add') {
            const item = next++;
            groupOf.set(item, String(each.group));
            held.set(item, 0);
            shares.add(item, String(each.group));
          } else if (each.kind === 'hold') {
            if (held.has(each.item)) held.set(each.item, each.bytes);
            shares.hold(each.item, each.bytes);
          } else {
            held.delete(each.item);
            shares.remove(each.item);
          }
          expect(shares.size).toBeLessThanOrEqual(8);
          expect(shares.bytes).toBeLessThanOrEqual(100);
          expect(new Set(shares.items())).toEqual(new Set(held.keys()));
          expect(shares.bytes).toBe([...held.values()].reduce((sum, bytes) => sum + bytes, 0));
        }
      }),
    );
  });

  test('a newcomer of another group stays, whoever has filled the room', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 2, max: 60 }), (items, crowd) => {
        const shares = createFairShares<string>({ items }, () => undefined);
        for (let count = 0; count < crowd; count++) shares.add(`crowd-${count}`, 'crowd');
        shares.add('newcomer', 'other');
        for (let count = 0; count < crowd; count++) shares.add(`more-${count}`, 'crowd');
        expect(shares.has('newcomer')).toBe(true);
      }),
    );
  });
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mostFollowed } from '../wire/limits.js';
import { chooseShown, lingerMs, planWays } from './plan-ways.js';

const names = (count: number, prefix = 'n'): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

test('of several pages the first wishes of each come first', () => {
  expect(chooseShown([names(8, 'a'), ['b0', 'a1']])).toEqual(['a0', 'b0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
  expect(chooseShown([])).toEqual([]);
});

test('a node that nobody shows any more is followed for 30 s', () => {
  const shown = planWays(new Map(), ['a'], 0);
  expect(shown).toMatchObject({ open: ['a'], close: [] });
  const idle = planWays(shown.shownAtMs, [], lingerMs - 1);
  expect(idle).toMatchObject({ open: [], close: [] });
  expect(planWays(idle.shownAtMs, ['a'], lingerMs - 1)).toMatchObject({ open: [], close: [] });
  expect(planWays(idle.shownAtMs, [], lingerMs)).toMatchObject({ open: [], close: ['a'] });
});

test('the one that was shown least recently makes room', () => {
  const followed = new Map(names(8).map((node, at): [string, number] => [node, at === 5 ? 1 : 10 + at]));
  expect(planWays(followed, ['x'], 20)).toMatchObject({ open: ['x'], close: ['n5'] });
});

test('whatever is shown when: what is shown is followed, over 8 ways at most, and plans fit together', () => {
  const step = fc.record({
    shown: fc.uniqueArray(fc.constantFrom(...names(14)), { maxLength: 20 }),
    afterMs: fc.nat(40_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let followed: ReadonlyMap<string, number> = new Map();
      let nowMs = 0;
      for (const { shown: wanted, afterMs } of steps) {
        nowMs += afterMs;
        const shown = chooseShown([wanted]);
        const plan = planWays(followed, shown, nowMs);
        const after = new Set([...followed.keys(), ...plan.open].filter((node) => !plan.close.includes(node)));
        expect(new Set(plan.shownAtMs.keys())).toEqual(after);
        expect(after.size).toBeLessThanOrEqual(mostFollowed);
        for (const node of shown) expect(after.has(node)).toBe(true);
        followed = plan.shownAtMs;
      }
    }),
  );
});

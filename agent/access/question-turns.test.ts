import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSeededRandom } from '#common/random.js';
import {
  createQuestionTurns,
  type QuestionSource,
  type WaitingQuestion,
  type QuestionTurns,
  type TurnLimits,
} from './question-turns.js';

const limits: TurnLimits = {
  ...{ underWay: 3, underWayEach: 1, waiting: 40 },
  waitingEach: { stranger: 6, proven: 12 },
};
const wide: TurnLimits = { ...limits, waiting: 10_000, waitingEach: { stranger: 1_000, proven: 1_000 } };

const create = (bounds = limits): QuestionTurns => createQuestionTurns(bounds, createSeededRandom(1));
const asker = (id: string, group: string, proven = false): QuestionSource => ({ id, group, proven });

/** Asks one question after the other, each answered before the next one, until nothing waits. */
function askAll(turns: QuestionTurns): WaitingQuestion[] {
  const asked: WaitingQuestion[] = [];
  for (let place = turns.next(); place !== undefined; place = turns.next()) {
    asked.push(place);
    turns.done(place.key);
  }
  return asked;
}

const keysOf = (places: readonly WaitingQuestion[]): string[] => places.map(({ key }) => key);

describe('turns of questions', () => {
  test('go from group to group, and from line to line in a group, whatever the number that waits', () => {
    const turns = create();
    for (const key of ['a1', 'a2', 'a3']) turns.wait(asker('a', 'one'), key);
    for (const key of ['b1', 'b2']) turns.wait(asker('b', 'one'), key);
    for (const key of ['c1', 'c2']) turns.wait(asker('c', 'two'), key);
    expect(keysOf(askAll(turns))).toEqual(['a1', 'c1', 'b1', 'c2', 'a2', 'b2', 'a3']);
  });

  test('have one question of a line under way, and no more than the bound in all', () => {
    const turns = create();
    for (const id of ['a', 'b', 'c', 'd']) for (const n of [1, 2]) turns.wait(asker(id, 'one'), `${id}${n}`);
    expect([turns.next()?.key, turns.next()?.key, turns.next()?.key, turns.next()]).toEqual([
      'a1',
      'b1',
      'c1',
      undefined,
    ]);
    turns.done('b1');
    expect([turns.next()?.key, turns.next()]).toEqual(['d1', undefined]);
    turns.done('d1');
    turns.done('c1');
    expect([turns.next()?.key, turns.next()?.key]).toEqual(['b2', 'd2']);
  });

  test('come to those that have proven something first, and to a stranger after three of them', () => {
    const turns = create();
    turns.wait(asker('s', 'one'), 's1');
    for (const id of ['a', 'b']) for (const n of [1, 2, 3]) turns.wait(asker(id, 'one', true), `${id}${n}`);
    expect(keysOf(askAll(turns))).toEqual(['a1', 'b1', 'a2', 's1', 'b2', 'a3', 'b3']);
  });

  test('ask a renewal before all else of its line, which has room for it', () => {
    const turns = create();
    for (let n = 0; n < 6; n++) turns.wait(asker('a', 'one'), `a${n}`);
    expect(turns.wait(asker('a', 'one'), 'late')).toEqual([{ key: 'late', askerId: 'a' }]);
    for (let n = 6; n < 12; n++) turns.wait(asker('a', 'one', true), `a${n}`);
    expect(turns.wait(asker('a', 'one'), 'renewal', true)).toEqual([{ key: 'a11', askerId: 'a' }]);
    expect(turns.next()).toEqual({ key: 'renewal', askerId: 'a' });
  });

  test('ask a question in the first turn that comes to any of those who wait for it', () => {
    const turns = create();
    for (const key of ['a1', 'a2', 'shared']) turns.wait(asker('a', 'one'), key);
    turns.wait(asker('b', 'two'), 'shared');
    expect(keysOf(askAll(turns))).toEqual(['a1', 'shared', 'a2']);
    for (const key of ['a1', 'shared']) turns.wait(asker('a', 'one'), key);
    turns.wait(asker('b', 'two'), 'shared');
    turns.leave({ key: 'shared', askerId: 'a' });
    expect(askAll(turns).at(-1)).toEqual({ key: 'shared', askerId: 'b' });
  });

  test('take a place from the longest line of the fullest group, never from a newcomer', () => {
    const turns = create();
    for (let n = 0; n < 40; n++) turns.wait(asker(`many-${n % 10}`, 'crowd'), `many-${n}`);
    const first = turns.wait(asker('new', 'elsewhere'), 'new');
    expect(first).toHaveLength(1);
    expect(first[0]?.askerId).toContain('many');
    const lost = turns.wait(asker('newer', 'crowd'), 'newer');
    expect(lost).toHaveLength(1);
    expect(lost[0]?.askerId).toContain('many');
  });

  test('let a newcomer in also where everybody else has a single place', () => {
    const turns = create();
    for (let n = 0; n < 40; n++) turns.wait(asker(`one-${n}`, 'crowd', n % 2 === 0), `one-${n}`);
    const victims = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const [lost, ...more] = turns.wait(asker(`new-${n}`, 'crowd'), `new-${n}`);
      expect(more).toEqual([]);
      expect(lost?.askerId).not.toBe(`new-${n}`);
      victims.add(lost?.askerId ?? '');
    }
    // Strangers before those that have proven something, and neither all of the oldest nor all of the newest.
    expect([...victims].every((id) => !/^one-\d*[02468]$/.test(id))).toBe(true);
    expect([...victims].some((id) => id.startsWith('one-'))).toBe(true);
    expect([...victims].some((id) => id.startsWith('new-'))).toBe(true);
  });
});

const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), who: fc.nat(11), key: fc.nat(30), flags: fc.nat(7) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(11), key: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('done' as const), which: fc.nat(10) }) },
);

test('nothing is lost, asked twice, over a bound or left behind, whatever happens in whatever order', () => {
  const small = { underWay: 3, underWayEach: 1, waiting: 14, waitingEach: { stranger: 3, proven: 5 } };
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150 }), fc.constantFrom(1, 2), (events, underWayEach) => {
      const turns = create({ ...small, underWayEach });
      const places = new Set<string>();
      const underWay = new Map<string, string>();
      const take = (): boolean => {
        const place = turns.next();
        if (place === undefined) {
          const free = [...places].filter((waiting) => {
            const of = [...underWay.values()].filter((id) => id === waiting.split(' ')[0]);
            return of.length < underWayEach;
          });
          if (underWay.size < small.underWay) expect(free).toEqual([]);
          return false;
        }
        expect(places.has(`${place.askerId} ${place.key}`)).toBe(true);
        for (const waiting of places) if (waiting.endsWith(` ${place.key}`)) places.delete(waiting);
        underWay.set(place.key, place.askerId);
        return true;
      };
      for (const next of events) {
        if (next.kind === 'next') take();
        else if (next.kind === 'done') {
          const key = [...underWay.keys()][next.which];
          if (key === undefined) continue;
          turns.done(key);
          underWay.delete(key);
        } else {
          const place = { key: `k${next.key}`, askerId: `a${next.who}` };
          if (next.kind === 'leave') {
            turns.leave(place);
            places.delete(`${place.askerId} ${place.key}`);
          } else {
            if (!underWay.has(place.key)) places.add(`${place.askerId} ${place.key}`);
            const who = asker(place.askerId, `g${next.who % 4}`, (next.flags & 1) === 1);
            const lost = turns.wait(who, place.key, (next.flags & 6) === 6);
            for (const { askerId, key } of lost) expect(places.delete(`${askerId} ${key}`)).toBe(true);
          }
        }
        const count = turns.count();
        expect(count).toMatchObject({ underWay: underWay.size, places: places.size });
        expect(count.underWay).toBeLessThanOrEqual(small.underWay);
        expect(count.places).toBeLessThanOrEqual(small.waiting);
        for (const id of underWay.values()) {
          expect([...underWay.values()].filter((other) => other === id).length).toBeLessThanOrEqual(underWayEach);
        }
      }
      for (const key of underWay.keys()) turns.done(key);
      underWay.clear();
      while (take()) {
        for (const key of underWay.keys()) turns.done(key);
        underWay.clear();
      }
      expect(places.size).toBe(0);
      expect(turns.count()).toEqual({ underWay: 0, places: 0, lines: 0, groups: 0 });
    }),
    { numRuns: 200 },
  );
});

/** A crowd: by group, by line, how many wait; a negative number for a line that has proven something. */
const crowd = fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 6 }), { minLength: 1, maxLength: 6 });

function fill(turns: QuestionTurns, groups: readonly (readonly number[])[]): void {
  groups.forEach((lines, group) =>
    lines.forEach((size, line) => {
      const who = asker(`${group}/${line}`, `g${group}`, size < 0);
      for (let n = 0; n < Math.abs(size); n++) turns.wait(who, `${group}/${line}/${n}`);
    }),
  );
}

test('a newcomer’s turn comes after one of each other group, or four of each other line of its own, however many wait', () => {
  fc.assert(
    fc.property(crowd, fc.boolean(), fc.nat(20), (groups, sameGroup, before) => {
      const turns = create(wide);
      fill(turns, groups);
      const underWay: string[] = [];
      const take = (): WaitingQuestion | undefined => {
        const place = turns.next();
        if (place !== undefined) underWay.push(place.key);
        return place;
      };
      for (let n = 0; n < before && take() !== undefined; n++)
        if (underWay.length === 3) turns.done(underWay.shift() ?? '');
      turns.wait(asker('newcomer', sameGroup ? 'g0' : 'new'), 'newcomer');
      let others = 0;
      for (let asked = 0; ; asked++) {
        while (underWay.length >= 3) turns.done(underWay.shift() ?? '');
        const place = take();
        if (place?.key === 'newcomer') break;
        if (place === undefined) {
          turns.done(underWay.shift() ?? '');
          continue;
        }
        others++;
        expect(others).toBeLessThan(1_000);
        // Whoever had a turn has something to ask again at once, and more than before.
        const [group = '', line = ''] = place.askerId.split('/');
        const proven = (groups[Number(group)]?.[Number(line)] ?? 0) < 0;
        for (const n of [0, 1]) turns.wait(asker(place.askerId, `g${group}`, proven), `more-${asked}-${n}`);
      }
      const own = sameGroup ? (groups[0]?.length ?? 0) : 0;
      expect(others).toBeLessThanOrEqual(groups.length * (own * 4 + 4));
      if (!sameGroup) expect(others).toBeLessThanOrEqual(groups.length);
    }),
    { numRuns: 200 },
  );
});

test('nobody’s turn is later because somebody else asks the same', () => {
  fc.assert(
    fc.property(crowd, fc.nat(5), fc.nat(5), fc.boolean(), (groups, group, line, proven) => {
      const turnOf = (alsoAsked: boolean): number => {
        const turns = create(wide);
        fill(turns, groups);
        const size = groups[group]?.[line] ?? 1;
        if (alsoAsked) turns.wait(asker(`${group}/${line}`, `g${group}`, size < 0), 'shared');
        turns.wait(asker('me', 'g0', proven), 'shared');
        return keysOf(askAll(turns)).indexOf('shared');
      };
      const alone = turnOf(false);
      expect(turnOf(true)).toBeLessThanOrEqual(alone);
    }),
    { numRuns: 200 },
  );
});

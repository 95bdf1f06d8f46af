import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createOwnerQuota, type OwnedSession, type OwnerQuota } from './owner-quota.js';

const clock = createFakeClock();
const quota = (limit = 20, of: Record<string, number> = {}): OwnerQuota =>
  createOwnerQuota({ clock, panel: 'terminal', sessions: { default: limit, of } });

function owned(count: number, attached = true): readonly OwnedSession[] {
  return Array.from({ length: count }, (_, n) => ({ sessionId: `s-${n}`, attached, detachedMs: attached ? 0 : n }));
}

function outcome(run: () => void): string {
  try {
    run();
    return 'opened';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('what one owner may take of a worker', () => {
  test('is so many sessions, and not one more; others have their own', () => {
    const taken = quota(3);
    expect(outcome(() => taken.takeOpening('alice', owned(2)))).toBe('opened');
    expect(outcome(() => taken.takeOpening('alice', owned(3)))).toMatch(/You have 3 sessions of panel terminal/);
    expect(outcome(() => taken.takeOpening('bob', owned(0)))).toBe('opened');
  });

  test('is what was given to him by name', () => {
    const taken = quota(1, { ci: 500 });
    expect(outcome(() => taken.takeOpening('ci', owned(499)))).toBe('opened');
    expect(outcome(() => taken.takeOpening('ci', owned(500)))).toMatch(/500 may be yours/);
    // Names that every object has are names of nobody.
    expect(outcome(() => taken.takeOpening('constructor', owned(1)))).toMatch(/1 may be yours/);
  });

  test('is told with the sessions that have no client, the longest first, and how to end one', () => {
    const sessions = [...owned(7, false), { sessionId: 'mine-now', attached: true, detachedMs: 0 }];
    expect(outcome(() => quota(8).takeOpening('alice', sessions))).toBe(
      'You have 8 sessions of panel terminal on this node; 8 may be yours. 7 have no client, the longest: s-6, s-5, s-4, s-3, s-2. ' +
        'End one first: panelet end <session>.',
    );
    expect(outcome(() => quota(3).takeOpening('alice', owned(3)))).not.toContain('no client');
  });

  test('is a rate too: twice as many at once, then a quarter of them a second', () => {
    const taken = quota(4);
    const open = (): string => outcome(() => taken.takeOpening('alice', owned(0)));
    const all = Array.from({ length: 10 }, open);
    expect(all.filter((text) => text === 'opened')).toHaveLength(8);
    expect(all.at(-1)).toMatch(/too often/);
    clock.advance(1_000);
    expect([open(), open()]).toEqual(['opened', expect.stringMatching(/too often/)]);
    expect(outcome(() => taken.takeOpening('bob', owned(0)))).toBe('opened');
  });
});

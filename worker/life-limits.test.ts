import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/clock.js';
import { durationToMs } from '#common/duration.js';
import { createSilentLog } from '#common/log.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import { startLifeLimits, type LifeLimitDeps, type LifeLimits } from './life-limits.js';

const hourMs = 3_600_000;

/** A session, as far as its life is limited. */
interface Life {
  bytes: number;
  readonly told: Drain[];
  end: string | undefined;
}

let clock: FakeClock;
let counts: boolean;
let live: Map<string, unknown>;
let dormant: Map<string, unknown>;
let forgotten: string[];

beforeEach(() => {
  clock = createFakeClock();
  counts = true;
  live = new Map();
  dormant = new Map();
  forgotten = [];
});

function createdAt(ageMs = 0): string {
  return new Date(clock.date().getTime() - ageMs).toISOString();
}

function add(id: string, ageMs = 0): Life {
  const life: Life = { bytes: 0, told: [], end: undefined };
  live.set(id, {
    record: { createdAt: createdAt(ageMs) },
    link: {
      endpoint: {
        get totals() {
          return { receivedDataBytes: life.bytes, sentDataBytes: 0 };
        },
      },
    },
    tell: (drain: Drain) => life.told.push(drain),
    end: ({ message }: { message: string }) => {
      life.end = message;
      live.delete(id);
    },
  });
  return life;
}

function start(limits: Partial<LifeLimits>): void {
  const registry = {
    live,
    dormant,
    forget: (id: string) => {
      forgotten.push(id);
      return Promise.resolve();
    },
  } as unknown as LifeLimitDeps['registry'];
  const { signal } = new AbortController();
  const all = { idleMs: undefined, maxAgeMs: undefined, ...limits };
  startLifeLimits({ registry, clock, log: createSilentLog(), limits: all, counts: () => counts, signal });
}

/** Lets time pass as a timer does, second by second. */
function pass(ms: number, each?: () => void): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.advance(1_000);
    each?.();
  }
}

describe('a session in which nothing happens', () => {
  test('ends after its limit, and its client is told a minute before', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    pass(hourMs - 70_000);
    expect([life.told, life.end]).toEqual([[], undefined]);
    pass(30_000);
    expect(life.told.at(-1)).toMatchObject({ phase: DrainPhase.NOTICE, fate: SessionFate.ENDS });
    expect(life.told.at(-1)?.reason).toBe('nothing was typed or printed for 3600 s');
    expect(durationToMs(life.told.at(-1)?.remaining, 0)).toBeLessThan(61_000);
    pass(50_000);
    expect(life.end).toBe('The session has ended: nothing was typed or printed for 3600 s.');
  });

  test('goes on for as long as something does, and a warning is called off', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    pass(hourMs - 30_000);
    expect(life.told.at(-1)?.phase).toBe(DrainPhase.NOTICE);
    life.bytes++;
    pass(10_000);
    expect(life.told.at(-1)?.phase).toBe(DrainPhase.CANCELLED);
    pass(4 * hourMs, () => life.bytes++);
    expect([life.end, life.told.at(-1)?.phase]).toEqual([undefined, DrainPhase.CANCELLED]);
  });

  test('is not silent while a drain holds clients off', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    counts = false;
    pass(2 * hourMs);
    expect(life.end).toBeUndefined();
  });
});

describe('a session that is old', () => {
  test('ends at its age, though it was opened by an earlier worker and is busy', () => {
    const life = add('s', hourMs);
    start({ maxAgeMs: 2 * hourMs });
    pass(hourMs - 10_000, () => life.bytes++);
    expect(life.told.at(-1)).toMatchObject({ phase: DrainPhase.NOTICE, reason: 'it may last 7200 s' });
    pass(20_000, () => life.bytes++);
    expect(life.end).toMatch(/it may last 7200 s/);
  });

  test('ends on storage too, and no other does', () => {
    dormant.set('old', { record: { createdAt: createdAt(hourMs) } });
    dormant.set('young', { record: { createdAt: createdAt(0) } });
    start({ maxAgeMs: hourMs });
    pass(10_000);
    expect(new Set(forgotten)).toEqual(new Set(['old']));
  });
});

test('without limits nothing ends', () => {
  const life = add('s', 1_000 * hourMs);
  start({});
  pass(hourMs);
  expect([life.told, life.end]).toEqual([[], undefined]);
});

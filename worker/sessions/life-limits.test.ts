import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
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
let drain: Drain | undefined;
/** What the wall clock is wrong by. */
let offMs: number;
/** How long the process did not run. */
let stoppedMs: number;
let live: Map<string, unknown>;
let dormant: Map<string, unknown>;
let forgotten: string[];

beforeEach(() => {
  clock = createFakeClock();
  counts = true;
  drain = undefined;
  offMs = 0;
  stoppedMs = 0;
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
  const date = (): Date => new Date(clock.date().getTime() + stoppedMs + offMs);
  const wrong = { ...clock, nowMs: () => clock.nowMs() + stoppedMs, date };
  const asked = { counts: () => counts, drainFor: () => drain };
  startLifeLimits({ registry, clock: wrong, log: createSilentLog(), limits: all, ...asked, signal });
}

/** Lets time pass as a timer does, second by second. */
function pass(ms: number, each?: () => void): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.advance(1_000);
    each?.();
  }
}

/** Lets time pass while a drain holds clients off. */
function passInDrain(ms: number): void {
  counts = false;
  pass(ms);
  counts = true;
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
    // Its client may come, and is warned then.
    pass(55_000);
    expect(forgotten).toEqual([]);
    pass(10_000);
    expect(new Set(forgotten)).toEqual(new Set(['old']));
  });
});

describe('a warning', () => {
  const drainNotice = (remainingMs: number, fate = SessionFate.ENDS): Drain => ({
    ...{ generation: 1, phase: DrainPhase.NOTICE, remaining: msToDuration(remainingMs), reason: 'a new version', fate },
    ...{ node: '', retryAfter: undefined },
  });
  const last = (life: Life): string => {
    const { phase, reason } = life.told.at(-1) ?? {};
    return `${phase === undefined ? 'nothing' : DrainPhase[phase]} ${reason ?? ''}`.trim();
  };

  test.each<[string, Partial<LifeLimits>, number, () => void]>([
    ['the wall clock jumps', { maxAgeMs: hourMs }, 0, () => (offMs = 10 * hourMs)],
    ['its process was stopped', { maxAgeMs: hourMs }, 0, () => (stoppedMs = 10 * hourMs)],
    ['its process was stopped, which is no silence', { idleMs: hourMs }, 0, () => (stoppedMs = 10 * hourMs)],
    ['it was too old when its worker started', { maxAgeMs: hourMs }, 2 * hourMs, () => undefined],
    ['its time ran out in a drain', { maxAgeMs: hourMs }, 0, () => passInDrain(2 * hourMs)],
  ])('comes a minute before the end though %s', (_what, limits, ageMs, happens) => {
    const life = add('s', ageMs);
    start(limits);
    if (ageMs === 0) pass(hourMs / 2);
    happens();
    pass(30_000);
    expect(life.end).toBeUndefined();
    pass(2 * hourMs);
    expect(life.end).toBeDefined();
    expect(life.told[0]?.phase).toBe(DrainPhase.NOTICE);
    expect(durationToMs(life.told[0]?.remaining, 0)).toBe(60_000);
  });

  test('is given again after a drain in which its time ran out: the client was told that all is well', () => {
    const life = add('s');
    start({ maxAgeMs: hourMs });
    pass(hourMs - 30_000);
    expect(last(life)).toBe('NOTICE it may last 3600 s');
    passInDrain(hourMs);
    const before = life.told.length;
    pass(30_000);
    expect([life.end, durationToMs(life.told[before]?.remaining, 0)]).toEqual([undefined, 60_000]);
  });

  test('is not due to a clock that is set back and forth: time has passed as it has', () => {
    const life = add('s');
    const stored = { record: { createdAt: createdAt(0) } };
    dormant.set('stored', stored);
    dormant.set('undated', { record: { createdAt: 'never' } });
    start({ maxAgeMs: hourMs });
    pass(20_000);
    for (const jump of [100 * hourMs, -100 * hourMs, 0]) {
      offMs = jump;
      pass(300_000);
    }
    expect([life.told, life.end, forgotten]).toEqual([[], undefined, []]);
    pass(hourMs);
    expect([life.end === undefined, new Set(forgotten)]).toEqual([false, new Set(['stored', 'undated'])]);
  });

  test('of age comes in time though silence would end it first, without warning yet', () => {
    const life = add('s');
    start({ idleMs: 100_000, maxAgeMs: hourMs });
    pass(hourMs - 100_000, () => life.bytes++);
    pass(50_000);
    expect(last(life)).toBe('NOTICE it may last 3600 s');
  });

  test('of one limit is called off before that of the other: a client hears of each phase once', () => {
    const life = add('s');
    start({ idleMs: 240_000, maxAgeMs: hourMs });
    pass(hourMs - 250_000, () => life.bytes++);
    pass(200_000);
    expect(last(life)).toMatch(/^NOTICE nothing was typed/);
    life.bytes++;
    const before = life.told.length;
    pass(6_000);
    expect(life.told.slice(before, before + 2).map(({ phase, reason }) => `${DrainPhase[phase]} ${reason}`)).toEqual([
      'CANCELLED nothing was typed or printed for 240 s',
      'NOTICE it may last 3600 s',
    ]);
  });

  test('that is called off leaves the one of a drain that is coming', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    pass(hourMs - 30_000);
    drain = drainNotice(300_000);
    life.bytes++;
    pass(6_000);
    expect(life.told.slice(-2).map(({ phase }) => phase)).toEqual([DrainPhase.CANCELLED, DrainPhase.NOTICE]);
    expect(last(life)).toBe('NOTICE a new version');
  });

  test('says nothing while a drain ends the session earlier, and is given when that is called off', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    pass(hourMs - 100_000);
    drain = drainNotice(10_000);
    pass(90_000);
    expect([life.told, life.end]).toEqual([[], undefined]);
    drain = undefined;
    pass(6_000);
    expect(last(life)).toMatch(/^NOTICE nothing was typed/);
    pass(50_000);
    expect(life.end).toBeUndefined();
    pass(20_000);
    expect(life.end).toBeDefined();
  });

  test('is not held back by a drain that keeps the session', () => {
    const life = add('s');
    start({ idleMs: hourMs });
    drain = drainNotice(10_000, SessionFate.CHECKPOINTED);
    pass(hourMs - 30_000);
    expect(last(life)).toMatch(/^NOTICE nothing was typed/);
  });
});

test('without limits nothing ends', () => {
  const life = add('s', 1_000 * hourMs);
  start({});
  pass(hourMs);
  expect([life.told, life.end]).toEqual([[], undefined]);
});

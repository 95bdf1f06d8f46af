import { beforeEach, describe, expect, test } from '@jest/globals';
import { EchoGate } from '#test/support/echo-gate.js';
import type { SessionDriver } from '../sessions/session-driver.js';

const count = 50;
// What a wave may take, and a look of the test's.
const waveMs = 270;

let echo: EchoGate;
let holder: SessionDriver | undefined;
let others: SessionDriver[];

beforeEach(async () => {
  echo = new EchoGate();
  await echo.open(count);
  [holder, ...others] = echo.drivers;
});

const longestMs = (): number => Math.max(...others.map((driver) => echo.frozen.get(driver)?.longestMs ?? Infinity));
const totalMs = (): number => Math.max(...others.map((driver) => echo.frozen.get(driver)?.totalMs ?? Infinity));
const holders = (): string[] => echo.gate.status().holders.map(({ sessionId }) => sessionId);

/** Has another session begin to hold whenever all are asked to come to rest: `each` says for how long, and which. */
function holdInWaves(each: (wave: number) => { readonly by: SessionDriver | undefined; readonly ms: number }): void {
  let waves = 0;
  let last: number | undefined;
  echo.gate.listen(() => {
    const { wave } = echo.gate.state;
    if (wave?.kind !== 'closing' || wave.sinceMs === last) return;
    last = wave.sinceMs;
    const { by, ms } = each(waves++);
    if (ms > 0) echo.hold(by, ms, 'late.write');
  });
}

describe('a drain in which one of 50 sessions holds for half a minute', () => {
  test('freezes nobody else before it has come to rest, names it, and then seals all within moments', async () => {
    echo.hold(holder, 30_000);
    echo.drain({});
    await echo.pass(29_900);
    expect(echo.gate.state.phase).toBe('FROZEN');
    expect(holders()).toEqual([holder?.record.id]);
    expect(totalMs()).toBe(0);
    await echo.pass(1_000, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0, remaining: 0 });
    expect(totalMs()).toBeLessThanOrEqual(waveMs);
    expect(echo.phases).toEqual(['NOTIFIED', 'FROZEN', 'QUIESCED', 'CHECKPOINTED', 'RELEASED', 'CLOSED']);
  });

  test('keeps those that were in the middle of something, too, for a quarter of a second only', async () => {
    echo.hold(holder, 30_000);
    for (const driver of others) echo.hold(driver, 100);
    echo.drain({});
    await echo.pass(29_900);
    expect(holders()).toEqual([holder?.record.id]);
    expect(totalMs()).toBeLessThanOrEqual(waveMs);
    expect(others.every(({ freezer }) => !freezer.frozen)).toBe(true);
    await echo.pass(1_000, 'CLOSED');
    expect(longestMs()).toBeLessThanOrEqual(waveMs);
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count });
  });

  test('lets the others serve when it is called off', async () => {
    echo.hold(holder, 120_000);
    echo.drain({ onTimeout: 'abort' });
    await echo.pass(57_900);
    expect(echo.gate.state.phase).toBe('FROZEN');
    await echo.pass(200);
    expect(echo.gate.state.phase).toBe('SERVING');
    expect(totalMs()).toBe(0);
    expect(echo.drivers.some(({ freezer }) => freezer.frozen)).toBe(false);
  });

  test('ends that one when told to go on, and freezes the others only then', async () => {
    echo.hold(holder, 120_000);
    echo.drain({ onTimeout: 'force' });
    await echo.pass(57_900);
    expect(totalMs()).toBe(0);
    await echo.pass(2_100, 'CLOSED');
    const { receipt } = echo.gate;
    expect(receipt?.counts).toMatchObject({ checkpointed: count - 1, forced: 1, remaining: 0 });
    expect(receipt?.forced[0]).toMatchObject({ sessionId: holder?.record.id, holders: [{ operation: 'echo.hold' }] });
    expect(totalMs()).toBeLessThanOrEqual(waveMs);
  });

  test('waits beyond its time when told to, and freezes nobody else meanwhile', async () => {
    echo.hold(holder, 30_000);
    echo.drain({ onTimeout: 'wait', timeoutMs: 5_000 });
    await echo.pass(29_900);
    expect(echo.gate.state.phase).toBe('FROZEN');
    expect(totalMs()).toBe(0);
    await echo.pass(1_000, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0 });
  });
});

describe('a drain in which a session begins to hold', () => {
  test('when all are frozen lets the others go on, and tries again when nobody is in the way', async () => {
    const late = others.splice(0, 2);
    holdInWaves((wave) => ({ by: late[wave], ms: wave < 2 ? 3_000 : 0 }));
    echo.hold(holder, 1_000);
    echo.drain({});
    await echo.pass(900);
    expect(totalMs()).toBe(0);
    await echo.pass(1_900);
    // The first wave has failed.
    expect(others.some(({ freezer }) => freezer.frozen)).toBe(false);
    expect(holders()).toEqual([late[0]?.record.id]);
    await echo.pass(20_000, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0 });
    expect(longestMs()).toBeLessThanOrEqual(waveMs);
    expect(totalMs()).toBeLessThanOrEqual(3 * waveMs);
  });

  test('again and again takes little from the others until it is called off', async () => {
    const late = others.splice(0, 10);
    holdInWaves((wave) => ({ by: late[wave % 10], ms: 1_100 }));
    echo.drain({});
    await echo.pass(57_900);
    expect(echo.gate.state.phase).toBe('FROZEN');
    expect(longestMs()).toBeLessThanOrEqual(1_000 + 20);
    expect(totalMs()).toBeLessThanOrEqual(2_500 + 57_900 / 20);
    await echo.pass(200);
    expect(echo.gate.state.phase).toBe('SERVING');
  });

  test('right before the time is over ends nobody who comes to rest until the deadline, asked before it or not', async () => {
    echo.hold(holder, 57_900);
    holdInWaves(() => ({ by: others[0], ms: 1_000 }));
    echo.drain({ onTimeout: 'force' });
    await echo.pass(57_960);
    expect(holders()).toEqual([others[0]?.record.id]);
    echo.hold(others[1], 1_000);
    await echo.pass(2_000, 'CLOSED');
    expect(echo.phases).toContain('FORCED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0 });
  });
});

describe('a drain of sessions that all take their time', () => {
  test('is complete: sessions that always do something, for 350 to 500 ms, are caught between two of them', async () => {
    const work = (driver: SessionDriver, ms: number): void => {
      const permit = driver.freezer.frozen ? undefined : driver.gate.enter('slow.read');
      echo.clock.after(permit === undefined ? 10 : ms, () => {
        permit?.release();
        work(driver, ms);
      });
    };
    for (const [index, driver] of echo.drivers.entries()) work(driver, 350 + 3 * index);
    await echo.pass(5_000);
    echo.drain({});
    await echo.pass(20_000, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0 });
  });
});

describe('a drain that follows what happens to its sessions', () => {
  test('tells of those that end in the same moment together', () => {
    echo.drain({ noticeMs: 30_000, holdsNotice: true });
    let told = 0;
    let left: number | undefined;
    echo.gate.listen(() => {
      told += 1;
      left = echo.gate.status().sessions;
    });
    for (const driver of others) driver.end({ kind: 'asked', message: '' });
    expect(told).toBe(0);
    echo.clock.advance(2);
    expect([told, left]).toEqual([1, 1]);
  });

  test('leaves four times as long as a look takes until it looks again', () => {
    echo.drain({ noticeMs: 30_000, holdsNotice: true });
    const nowMs = echo.clock.nowMs.bind(echo.clock);
    let [slowMs, looks] = [0, 0];
    echo.clock.nowMs = () => nowMs() + slowMs;
    echo.gate.listen(() => {
      looks += 1;
      slowMs += 10;
    });
    echo.gate.changed();
    echo.clock.advance(2);
    expect(looks).toBe(1);
    echo.gate.changed();
    echo.clock.advance(39);
    expect(looks).toBe(1);
    echo.clock.advance(1);
    expect(looks).toBe(2);
  });
});

describe('the end of a worker', () => {
  const terminate = (): void => echo.gate.command({ kind: 'terminate', graceMs: 10_000, restartUid: 'shutdown' });

  test('leaves the others alone while one holds, and seals them all before the grace is over', async () => {
    // Seven turns of eight.
    echo.sealMs = 200;
    echo.hold(holder, 60_000);
    terminate();
    await echo.pass(7_900);
    expect(totalMs()).toBe(0);
    await echo.pass(2_100, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count - 1, forced: 1, remaining: 0 });
    expect(echo.clock.nowMs()).toBeLessThan(10_000);
  });

  test('seals all at once where nobody holds', async () => {
    echo.sealMs = 200;
    terminate();
    await echo.pass(2_000, 'CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ checkpointed: count, forced: 0 });
  });
});

describe('a worker whose time to retire has come', () => {
  const fence = { restartUid: 'tender', fencing: 1, generation: 1 };
  const inMs = (ms: number): number => echo.clock.date().getTime() + ms;

  test('ends what is left also where a drain that was under way then is called off later', async () => {
    echo.hold(holder, 600_000);
    await echo.gate.retire(fence, inMs(5_000));
    echo.drain({ onTimeout: 'abort', timeoutMs: 30_000 });
    await echo.pass(60_000, 'CLOSED');
    expect(echo.phases).toContain('SERVING');
    expect(echo.gate.state.phase).toBe('CLOSED');
    expect(echo.gate.receipt?.counts).toMatchObject({ forced: 1 });
  });

  test('ends nothing where it is given more time before that is done', async () => {
    echo.hold(holder, 600_000);
    await echo.gate.retire(fence, inMs(5_000));
    await echo.pass(10_000);
    expect(echo.gate.state).toMatchObject({ phase: 'FROZEN', cordon: { isOwn: true } });
    await echo.gate.retire(fence, inMs(60_000));
    await echo.pass(30_000);
    expect(echo.gate.state.phase).toBe('SERVING');
    expect(echo.drivers.every(({ ended }) => ended === undefined)).toBe(true);
    expect([echo.gate.admitsNew, echo.gate.retirement.isActive]).toEqual([false, true]);
    await echo.pass(60_000, 'CLOSED');
    expect(echo.gate.state.phase).toBe('CLOSED');
  });
});

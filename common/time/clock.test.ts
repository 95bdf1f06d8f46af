import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createFakeClock, createSystemClock, sleep } from './clock.js';

describe('fake clock', () => {
  test('fires timers in order of due time, at their own time', () => {
    const clock = createFakeClock();
    const fired: [string, number][] = [];
    clock.after(20, () => fired.push(['late', clock.nowMs()]));
    clock.after(10, () => fired.push(['early', clock.nowMs()]));
    clock.advance(30);
    expect(fired).toEqual([
      ['early', 10],
      ['late', 20],
    ]);
    expect(clock.nowMs()).toBe(30);
  });

  test('fires a timer that a timer sets within the same advance', () => {
    const clock = createFakeClock();
    const fired: number[] = [];
    clock.after(5, () => clock.after(5, () => fired.push(clock.nowMs())));
    clock.advance(10);
    expect(fired).toEqual([10]);
  });

  test('does not fire a stopped timer', () => {
    const clock = createFakeClock();
    const timer = clock.after(5, () => {
      throw new Error('fired');
    });
    timer.stop();
    clock.advance(10);
    expect(clock.pending()).toBe(0);
  });
});

describe('system clock', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test.each([2 ** 31 - 1, 2 ** 31, 60 * 86_400_000, 400 * 86_400_000])('fires once after %d ms, not before', (ms) => {
    jest.useFakeTimers();
    let fired = 0;
    createSystemClock().after(ms, () => fired++);
    jest.advanceTimersByTime(ms - 1);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect([fired, jest.getTimerCount()]).toEqual([1, 0]);
  });

  test('never fires early by its own time, whenever in a turn of the loop a timer was set', async () => {
    const clock = createSystemClock({ keepsAlive: true });
    const early: number[] = [];
    const timers = Array.from({ length: 300 }, async (_, index) => {
      await sleep(clock, (index % 7) / 3);
      const dueMs = clock.nowMs() + 1 + (index % 50) / 10;
      await sleep(clock, dueMs - clock.nowMs());
      if (clock.nowMs() < dueMs) early.push(dueMs - clock.nowMs());
    });
    await Promise.all(timers);
    expect(early).toEqual([]);
  });

  test('is stopped in the middle of a long time, and never fires after an endless one', () => {
    jest.useFakeTimers();
    let fired = 0;
    const long = createSystemClock().after(60 * 86_400_000, () => fired++);
    createSystemClock()
      .after(Infinity, () => fired++)
      .stop();
    const endless = createSystemClock().after(Infinity, () => fired++);
    jest.advanceTimersByTime(30 * 86_400_000);
    long.stop();
    jest.advanceTimersByTime(400 * 86_400_000);
    endless.stop();
    expect([fired, jest.getTimerCount()]).toEqual([0, 0]);
  });
});

describe('sleep', () => {
  test('resolves when its time has come', async () => {
    const clock = createFakeClock();
    const slept = sleep(clock, 100);
    clock.advance(100);
    await expect(slept).resolves.toBeUndefined();
  });

  test('rejects with the reason of its signal and leaves no timer', async () => {
    const clock = createFakeClock();
    const abort = new AbortController();
    const slept = sleep(clock, 100, abort.signal);
    abort.abort(new Error('enough'));
    await expect(slept).rejects.toThrow('enough');
    expect(clock.pending()).toBe(0);
  });

  test('rejects at once when its signal has aborted before', async () => {
    const clock = createFakeClock();
    await expect(sleep(clock, 100, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});

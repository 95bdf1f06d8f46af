import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { Retirement, type RetirementMemory } from './retirement.js';

function retirementOf(stored: RetirementMemory['stored'], save: RetirementMemory['save'] = () => Promise.resolve()) {
  const clock = createFakeClock();
  let due = 0;
  const saved: (number | undefined)[] = [];
  const memory: RetirementMemory = {
    stored,
    save: async (retireAtMs) => {
      await save(retireAtMs);
      saved.push(retireAtMs);
    },
  };
  const retirement = new Retirement({ clock, memory, onDue: () => (due += 1) });
  return { clock, retirement, saved, due: () => due };
}

describe('the retirement of a worker', () => {
  test('is none before it is asked for, and has no time to look at', () => {
    const { clock, retirement } = retirementOf(undefined);
    retirement.look();
    expect([retirement.isActive, retirement.retireAtMs, retirement.remainingMs]).toEqual([false, undefined, undefined]);
    expect(clock.pending()).toBe(0);
  });

  test('is remembered before it begins, and has not begun where that fails', async () => {
    const full = retirementOf(undefined, () => Promise.reject(new Error('no space left')));
    await expect(full.retirement.retire(1_000)).rejects.toThrow('no space left');
    expect([full.retirement.isActive, full.saved]).toEqual([false, []]);
    const { retirement, saved } = retirementOf(undefined);
    await retirement.retire(1_000);
    expect([retirement.isActive, retirement.retireAtMs, saved]).toEqual([true, 1_000, [1_000]]);
  });

  test('that was remembered goes on, and is due where its time passed meanwhile', () => {
    const { clock, retirement, due } = retirementOf({ retireAtMs: 5_000 });
    expect([retirement.isActive, retirement.remainingMs]).toEqual([true, 5_000]);
    clock.advance(9_000);
    expect(retirement.remainingMs).toBe(0);
    retirement.look();
    expect(due()).toBe(1);
    // Whoever looks again is told again.
    retirement.look();
    expect(due()).toBe(2);
  });

  test('is due at its time and not before; one without a time never is', async () => {
    const { clock, retirement, due } = retirementOf(undefined);
    await retirement.retire(100_000);
    retirement.look();
    clock.advance(99_999);
    expect(due()).toBe(0);
    clock.advance(1);
    expect(due()).toBe(1);
    await retirement.retire(undefined);
    retirement.look();
    expect([retirement.isActive, retirement.remainingMs, clock.pending()]).toEqual([true, undefined, 0]);
  });

  test('is due within half a minute where the clock of the node was set past its time', async () => {
    const { clock, retirement, due } = retirementOf(undefined);
    await retirement.retire(86_400_000);
    retirement.look();
    const date = clock.date.bind(clock);
    clock.date = () => new Date(date().getTime() + 86_400_000);
    clock.advance(30_000);
    expect(due()).toBe(1);
  });

  test('at another time is looked at anew, and leaves no timer of the one before', async () => {
    const { clock, retirement, due } = retirementOf({ retireAtMs: 10_000 });
    retirement.look();
    await retirement.retire(20_000);
    retirement.look();
    clock.advance(10_000);
    expect([due(), clock.pending()]).toEqual([0, 1]);
    clock.advance(10_000);
    expect(due()).toBe(1);
    await retirement.retire(40_000);
    retirement.look();
    retirement.close();
    expect(clock.pending()).toBe(0);
  });
});

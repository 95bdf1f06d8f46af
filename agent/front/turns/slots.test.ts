import { describe, expect, test } from '@jest/globals';
import { createSlots } from './slots.js';

describe('slots', () => {
  test('are taken in order, one for each that is given back', async () => {
    const slots = createSlots(2);
    const order: number[] = [];
    const enter = async (index: number): Promise<() => void> => {
      const leave = await slots.enter();
      order.push(index);
      return leave;
    };
    const all = [0, 1, 2, 3].map(enter);
    const [first] = await Promise.all(all.slice(0, 2));
    expect(order).toEqual([0, 1]);
    first?.();
    first?.();
    await all[2];
    expect(order).toEqual([0, 1, 2]);
    expect(slots.idle).toBe(false);
  });

  test('are not kept for whoever has gone', async () => {
    const slots = createSlots(1);
    const leave = await slots.enter();
    const gone = new AbortController();
    const waiting = slots.enter(gone.signal);
    const next = slots.enter();
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    leave();
    (await next)();
    expect(slots.idle).toBe(true);
    await expect(slots.enter(gone.signal)).rejects.toThrow('gone');
  });
});

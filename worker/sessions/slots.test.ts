import { describe, expect, test } from '@jest/globals';
import { createLatch } from '#common/time/latch.js';
import { createWorkSlots } from './slots.js';

describe('slots', () => {
  test('run no more works at a time than there are, in order, and go on after a failure', async () => {
    const slots = createWorkSlots(2);
    const doors = Array.from({ length: 4 }, () => createLatch());
    const begun: number[] = [];
    const works = doors.map((door, at) =>
      slots.run(async () => {
        begun.push(at);
        await door.promise;
      }),
    );
    const outcomes = Promise.allSettled(works);
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    doors[1]?.reject(new Error('no'));
    await expect(works[1]).rejects.toThrow('no');
    expect(begun).toEqual([0, 1, 2]);
    for (const door of doors) door.resolve();
    await outcomes;
    expect(begun).toEqual([0, 1, 2, 3]);
  });
});

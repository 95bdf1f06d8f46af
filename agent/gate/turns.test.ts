import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createTurns } from './turns.js';

test('commands run one after the other, also after one that failed', async () => {
  const clock = createFakeClock();
  const turn = createTurns(clock, 100);
  const order: string[] = [];
  const first = createLatch();
  const runs = [
    turn(() => first.promise.then(() => order.push('first'))),
    turn(() => Promise.resolve(order.push('second'))),
    turn(() => Promise.resolve(order.push('third'))),
  ];
  order.push('begun');
  first.reject(new Error('failed'));
  await expect(runs[0]).rejects.toThrow('failed');
  await Promise.all(runs.slice(1));
  expect(order).toEqual(['begun', 'second', 'third']);
  expect(clock.pending()).toBe(0);
});

test('a command that has waited too long is given up and never run; the next one still waits for the first', async () => {
  const clock = createFakeClock();
  const turn = createTurns(clock, 100);
  const order: string[] = [];
  const first = createLatch();
  const slow = turn(() => first.promise.then(() => order.push('slow')));
  const late = turn(() => Promise.resolve(order.push('late')));
  clock.advance(60);
  const after = turn(() => Promise.resolve(order.push('after')));
  clock.advance(40);
  await expect(late).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  expect(order).toEqual([]);
  first.resolve();
  await Promise.all([slow, after]);
  expect(order).toEqual(['slow', 'after']);
});

import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSessionEmitter } from '#client/session/session-events.js';
import { createWaits } from './waits.js';

const emitter = (): ReturnType<typeof createSessionEmitter> => createSessionEmitter(() => undefined);
const reattaching = { attempt: 1, delayMs: 0, planned: true, error: undefined };
const resumed = { gapMs: 1, attempts: 1, exact: true, incarnation: 1 };

test('a session that waits says for how long, and its node tells once when all go on', () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const waits = createWaits(clock, (line) => told.push(line));
  const [first, second] = [emitter(), emitter()];
  const waiting = waits.watch('node-a', first);
  waits.watch('node-a', second);
  expect(waiting()).toBeUndefined();
  expect(waits.summary()).toBe('still at it, no session waits');

  first.emit('frozen', { reason: 'restart', fate: 'kept' });
  clock.advance(200);
  first.emit('reattaching', reattaching);
  second.emit('reattaching', reattaching);
  clock.advance(1000);
  expect(waiting()).toBe(1200);
  expect(waits.summary()).toBe('2 sessions of node-a wait, 1.2 s');

  second.emit('resumed', resumed);
  expect(told).toEqual([]);
  clock.advance(800);
  first.emit('resumed', resumed);
  expect(told).toEqual(['node-a: 2 sessions go on, after 1.0 s to 2.0 s']);
  expect(waiting()).toBeUndefined();
});

test('a session whose drain is called off goes on', () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const waits = createWaits(clock, (line) => told.push(line));
  const session = emitter();
  const waiting = waits.watch('node-b', session);
  session.emit('frozen', { reason: 'restart', fate: 'kept' });
  clock.advance(400);
  session.emit('notice', { phase: 'cancelled', reason: 'called off', remainingMs: 0, fate: 'kept' });
  expect(waiting()).toBeUndefined();
  expect(told).toEqual(['node-b: 1 session goes on, after 400 ms']);
});

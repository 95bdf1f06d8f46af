import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { Target } from '#proto/gate/v1/gate.js';
import { createCordons } from './cordons.js';

const cordon = { restartUid: 'r', generation: 1, reason: '', untilMs: 1000, draining: false };

test('a cordon vanishes with its lease, and says so', () => {
  const clock = createFakeClock();
  let expired = 0;
  const cordons = createCordons(clock, () => expired++);
  cordons.set(Target.AGENT, cordon);
  clock.advance(999);
  expect(cordons.get(Target.AGENT)).toBe(cordon);
  clock.advance(1);
  expect([cordons.get(Target.AGENT), expired]).toEqual([undefined, 1]);
});

test('renewing a cordon replaces its timer, and clearing one stops it', () => {
  const clock = createFakeClock();
  const cordons = createCordons(clock, () => undefined);
  cordons.set(Target.AGENT, cordon);
  cordons.set(Target.AGENT, { ...cordon, untilMs: 5000 });
  clock.advance(2000);
  expect(cordons.get(Target.AGENT)?.untilMs).toBe(5000);
  cordons.set(Target.HOST, cordon);
  expect(cordons.latest()).toBe(Target.HOST);
  cordons.clear(Target.HOST);
  expect(cordons.latest()).toBe(Target.AGENT);
  cordons.close();
  expect(clock.pending()).toBe(0);
});

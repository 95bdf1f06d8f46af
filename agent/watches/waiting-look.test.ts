import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { settle } from '#test/support/settle.js';
import { WaitingLook } from './waiting-look.js';

test('whoever comes and goes while it is looked, it is looked as often as for one', async () => {
  const clock = createFakeClock();
  let looks = 0;
  let answer: () => void = () => undefined;
  const waiting = new WaitingLook({
    clock,
    read: () => {
      looks++;
      return new Promise((resolve) => (answer = () => resolve([])));
    },
  });
  const pass = async (): Promise<void> => {
    clock.advance(2_000);
    await settle();
  };
  let leave = waiting.subscribe(() => undefined);
  for (let round = 0; round < 10; round++) {
    await pass();
    leave();
    leave = waiting.subscribe(() => undefined);
    answer();
    await settle();
  }
  expect([looks, clock.pending()]).toEqual([10, 1]);
  leave();
  expect(clock.pending()).toBe(0);
});

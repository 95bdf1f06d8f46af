import { expect, test } from '@jest/globals';
import { createFifo } from './fifo.js';

test('a queue gives back what it got, in order, by position too, over many compactions', () => {
  const queue = createFifo<number>();
  let pushed = 0;
  let shifted = 0;
  for (let round = 0; round < 200; round += 1) {
    for (let count = 0; count < (round * 7) % 31; count += 1) queue.push(pushed++);
    for (let count = 0; count < (round * 5) % 29; count += 1) {
      const item = queue.shift();
      if (item !== undefined) expect(item).toBe(shifted++);
    }
    expect(queue.length).toBe(pushed - shifted);
    expect(queue.at(0)).toBe(queue.length === 0 ? undefined : shifted);
    expect(queue.at(queue.length)).toBeUndefined();
  }
  expect(shifted).toBeGreaterThan(1000);
});

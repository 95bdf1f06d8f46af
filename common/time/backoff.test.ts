import { expect, test } from '@jest/globals';
import { createBackoff } from './backoff.js';
import { createSeededRandom } from '../random.js';

const always = (value: number): { number: () => number; bytes: () => Buffer; uuid: () => string } => ({
  number: () => value,
  bytes: () => Buffer.alloc(0),
  uuid: () => '',
});

test('doubles the ceiling up to the maximum', () => {
  const backoff = createBackoff(always(1), { initialMs: 50, maxMs: 300 });
  expect([1, 2, 3, 4, 5].map(() => backoff.nextMs())).toEqual([50, 100, 200, 300, 300]);
});

test('starts over after a reset', () => {
  const backoff = createBackoff(always(1), { initialMs: 50, maxMs: 300 });
  backoff.nextMs();
  backoff.nextMs();
  backoff.reset();
  expect(backoff.nextMs()).toBe(50);
});

test('spreads delays over the whole range below the ceiling', () => {
  const delays = Array.from({ length: 200 }, (_, seed) =>
    createBackoff(createSeededRandom(seed), { initialMs: 100, maxMs: 100 }).nextMs(),
  );
  expect(Math.min(...delays)).toBeLessThan(10);
  expect(Math.max(...delays)).toBeGreaterThan(90);
});

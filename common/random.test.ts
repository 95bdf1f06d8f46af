import { hexOf } from './hex.js';
import { expect, test } from '@jest/globals';
import { createSeededRandom, createSystemRandom } from './random.js';

test('the same seed gives the same sequence, another seed another', () => {
  const draw = (seed: number): string => hexOf(createSeededRandom(seed).bytes(32));
  expect(draw(1)).toBe(draw(1));
  expect(draw(1)).not.toBe(draw(2));
});

test('UUIDs are version 4, seeded or not', () => {
  const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(createSeededRandom(3).uuid()).toMatch(version4);
  expect(createSystemRandom().uuid()).toMatch(version4);
});

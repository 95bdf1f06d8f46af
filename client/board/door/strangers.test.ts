import { expect, test } from '@jest/globals';
import { createStrangers } from './strangers.js';

test('a newcomer gets in, and the oldest of those who have shown nothing makes room', () => {
  const dropped: number[] = [];
  const strangers = createStrangers<number>(2, (connection) => dropped.push(connection));
  for (const connection of [1, 2]) strangers.add(connection);
  expect(dropped).toEqual([]);
  strangers.remove(1);
  strangers.add(3);
  expect(dropped).toEqual([]);
  strangers.add(4);
  strangers.add(5);
  expect(dropped).toEqual([2, 3]);
});

import { expect, test } from '@jest/globals';
import { prefixedMessage } from './grpc-message.js';

test('a message has its length in front, and is not compressed', () => {
  expect([...prefixedMessage(Buffer.from('hi'))]).toEqual([0, 0, 0, 0, 2, 104, 105]);
  expect([...prefixedMessage(Buffer.alloc(0))]).toEqual([0, 0, 0, 0, 0]);
  expect([...prefixedMessage(Buffer.alloc(0x10203)).subarray(0, 5)]).toEqual([0, 0, 1, 2, 3]);
});

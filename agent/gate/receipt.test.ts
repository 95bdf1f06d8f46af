import { expect, test } from '@jest/globals';
import { msToDuration } from '#common/time/duration.js';
import { Receipt, Target } from '#proto/gate/v1/gate.js';
import { sumReceipts } from './receipt.js';

const one = Receipt.fromPartial({
  counts: { checkpointed: 2, forced: 1 },
  forced: [{ sessionId: 'b', panel: 'x' }],
  took: msToDuration(100),
});
const two = Receipt.fromPartial({
  counts: { checkpointed: 3, finished: 1, forced: 1 },
  forced: [{ sessionId: 'a', panel: 'y' }],
  took: msToDuration(300),
});
const parts = { restartUid: 'r', instance: 'i', target: Target.AGENT, kept: 4 };

test('a receipt adds up those of the workers and what others keep', () => {
  const receipt = sumReceipts({ ...parts, workers: [one, two] });
  expect(receipt.counts).toEqual({
    finished: 1,
    kept: 4,
    checkpointed: 5,
    forced: 2,
    remaining: 0,
    restored: 0,
    moved: 0,
  });
  expect(receipt.forced.map(({ sessionId }) => sessionId)).toEqual(['a', 'b']);
  expect(receipt.took).toEqual(msToDuration(300));
});

test('the digest is the same for the same content in any order, and another for any other content', () => {
  const digest = sumReceipts({ ...parts, workers: [one, two] }).digest;
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(sumReceipts({ ...parts, workers: [two, one] }).digest).toBe(digest);
  expect(sumReceipts({ ...parts, workers: [one] }).digest).not.toBe(digest);
  expect(sumReceipts({ ...parts, workers: [one, two], instance: 'j' }).digest).not.toBe(digest);
});

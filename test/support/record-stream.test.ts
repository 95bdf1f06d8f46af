import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createRecordCodec, createRecordReceiver, recordBytes } from './record-stream.js';

const codec = createRecordCodec(7);
const total = 20 * recordBytes;
const all = codec.bytes(0, total);
const record = (number: number): Buffer => codec.bytes(number * recordBytes, recordBytes);

function receive(...pieces: Buffer[]): ReturnType<ReturnType<typeof createRecordReceiver>['verdict']> {
  const receiver = createRecordReceiver(codec);
  for (const piece of pieces) receiver.take(piece);
  return receiver.verdict(total);
}

describe('record stream', () => {
  test('is the same bytes in any pieces, and nothing is wrong with it', () => {
    const pieces: Buffer[] = [];
    for (let at = 0, size = 1; at < total; at += size, size = (size * 7) % 3001) {
      pieces.push(codec.bytes(at, Math.min(size, total - at)));
    }
    expect(Buffer.concat(pieces).equals(all)).toBe(true);
    expect(receive(...pieces)).toEqual({
      bytes: total,
      sha256: createHash('sha256').update(all).digest('hex'),
      lost: 0,
      duplicated: 0,
      reordered: 0,
      corrupt: 0,
    });
  });

  test('shows what is lost, in the middle and at the end', () => {
    expect(receive(record(0), record(2), record(3))).toMatchObject({ lost: 17, duplicated: 0, reordered: 0 });
  });

  test('tells repetition from reordering', () => {
    expect(receive(record(0), record(1), record(1), record(3), record(2))).toMatchObject({
      lost: 16,
      duplicated: 1,
      reordered: 1,
    });
  });

  test('sees a byte that is missing as corruption', () => {
    expect(receive(all.subarray(0, 100), all.subarray(101)).corrupt).toBeGreaterThan(0);
  });
});

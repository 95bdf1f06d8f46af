import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFrameReader, decodeFrames, encodeFrame } from './framing.js';

describe('frames', () => {
  test('come out as they went in, whatever the cuts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 1, maxLength: 20 }),
        (contents, cuts) => {
          const bytes = Buffer.concat(contents.map(encodeFrame));
          const reader = createFrameReader(() => 40);
          const found: Buffer[] = [];
          for (let at = 0, index = 0; at < bytes.length; index++) {
            const size = cuts[index % cuts.length] ?? 1;
            reader.push(bytes.subarray(at, at + size), (content) => found.push(Buffer.from(content)));
            at += size;
          }
          expect(found).toEqual(contents.map((content) => Buffer.from(content)));
          expect(reader.restBytes).toBe(0);
          expect(decodeFrames(bytes)).toEqual(found);
        },
      ),
    );
  });

  test('that are too long are refused at their length, before anything of them is held', () => {
    const reader = createFrameReader(() => 10);
    expect(() => reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff]), () => undefined)).toThrow(
      'A message of 4294967295 bytes; at most 10 are allowed here.',
    );
  });

  test('that are cut off are no frames', () => {
    expect(() => decodeFrames(encodeFrame(Buffer.from('abc')).subarray(0, 6))).toThrow('not whole');
    expect(() => decodeFrames(Buffer.from([0, 0]))).toThrow('not whole');
  });
});

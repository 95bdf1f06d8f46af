import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeCheckpointContent, encodeCheckpointContent } from './checkpoint-content.js';

describe('the content of a checkpoint', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (link, panel) => {
        const content = decodeCheckpointContent(encodeCheckpointContent({ link, panel }));
        expect([...content.link]).toEqual([...link]);
        expect([...content.panel]).toEqual([...panel]);
      }),
    );
  });

  test('is refused when it is shorter than it says', () => {
    const bytes = encodeCheckpointContent({ link: Buffer.alloc(10), panel: Buffer.alloc(0) });
    for (const length of [0, 3, 13]) {
      expect(() => decodeCheckpointContent(bytes.subarray(0, length))).toThrow('shorter');
    }
  });
});

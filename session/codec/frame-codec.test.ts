import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Channel, Frames } from '#proto/session/v1/session.js';
import { dataOverheadBytes, frameBytes } from './frame-codec.js';
import { dataFrame, resizeFrame } from '../model/wire-end.js';

test('the computed size of a frame is the size it has in a message', () => {
  const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(seq, fc.integer({ min: 0, max: 70_000 }), fc.boolean(), (number, sizeBytes, isEvent) => {
      const frame = isEvent
        ? resizeFrame(number, sizeBytes)
        : dataFrame(number, Channel.STDERR, Buffer.alloc(sizeBytes));
      const encodedBytes = Frames.encode({ ack: 0, credit: 0, frames: [frame] }).finish().length;
      expect(frameBytes(frame)).toBe(encodedBytes);
      expect(isEvent ? 0 : encodedBytes - sizeBytes).toBeLessThanOrEqual(dataOverheadBytes);
    }),
  );
});

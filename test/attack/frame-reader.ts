import { frameHeadBytes, type FrameHead } from './wire.js';

/** A frame that has arrived. */
export interface ArrivedFrame extends FrameHead {
  readonly payload: Buffer;
}

/** Cuts what arrives into frames; what is left of one waits for its rest. */
export function createFrameReader(onFrame: (frame: ArrivedFrame) => void): (chunk: Buffer) => void {
  let left: Buffer = Buffer.alloc(0);
  return (chunk) => {
    left = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    for (;;) {
      if (left.length < frameHeadBytes) return;
      const end = frameHeadBytes + left.readUIntBE(0, 3);
      if (left.length < end) return;
      const head = left;
      left = left.subarray(end);
      const stream = head.readUInt32BE(5) & 0x7fff_ffff;
      onFrame({
        type: head.readUInt8(3),
        flags: head.readUInt8(4),
        stream,
        payload: head.subarray(frameHeadBytes, end),
      });
    }
  };
}

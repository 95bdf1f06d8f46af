import { PaneletError } from '#common/errors/errors.js';

const headBytes = 4;

/** A message behind its length: four bytes, the highest first. */
export function encodeFrame(content: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + content.length);
  frame.writeUInt32BE(content.length);
  frame.set(content, headBytes);
  return frame;
}

/** Takes a stream of frames apart, whatever the cuts. */
export interface FrameReader {
  /**
   * Takes the next bytes, and calls back with the content of each frame that is whole.
   * @throws FRAME_INVALID as soon as a length is above the limit; nothing may be pushed then
   */
  push(bytes: Uint8Array, onFrame: (content: Buffer) => void): void;
  /** Bytes of a frame that is not whole yet. */
  readonly restBytes: number;
}

/**
 * A reader that holds no more than one frame.
 * @param limit largest content in bytes, asked when a length is read
 */
export function createFrameReader(limit: () => number): FrameReader {
  let parts: Buffer[] = [];
  let heldBytes = 0;
  let wantedBytes: number | undefined;
  const take = (count: number): Buffer => {
    const whole = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    parts = whole.length > count ? [whole.subarray(count)] : [];
    heldBytes -= count;
    return whole.subarray(0, count);
  };
  const readLength = (): number => {
    const length = take(headBytes).readUInt32BE();
    const most = limit();
    if (length <= most) return length;
    throw new PaneletError('FRAME_INVALID', `A message of ${length} bytes; at most ${most} are allowed here.`);
  };
  return {
    push: (bytes, onFrame) => {
      if (bytes.length > 0) parts.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      heldBytes += bytes.length;
      for (;;) {
        if (wantedBytes === undefined) {
          if (heldBytes < headBytes) return;
          wantedBytes = readLength();
        }
        if (heldBytes < wantedBytes) return;
        const content = take(wantedBytes);
        wantedBytes = undefined;
        onFrame(content);
      }
    },
    get restBytes() {
      return heldBytes + (wantedBytes === undefined ? 0 : headBytes);
    },
  };
}

/** All frames of bytes that hold nothing else. @throws FRAME_INVALID */
export function decodeFrames(bytes: Uint8Array): readonly Buffer[] {
  const frames: Buffer[] = [];
  const reader = createFrameReader(() => bytes.length);
  reader.push(bytes, (content) => frames.push(content));
  if (reader.restBytes === 0) return frames;
  throw new PaneletError('FRAME_INVALID', 'The last message is not whole.');
}

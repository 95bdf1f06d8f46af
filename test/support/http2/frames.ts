/** Kinds of HTTP/2 frames (RFC 9113, 6). */
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; ACK and END_STREAM share a bit. */
export const flag = { none: 0, ack: 1, endStream: 1, endHeaders: 4 } as const;

/** One frame as it is on the wire. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A header as it is sent, whatever HTTP/2 says about it. */
export type RawHeader = readonly [name: string, value: string];

const prefaceLength = 24;
const frameHeaderLength = 9;

/** A frame as bytes. */
export function encodeFrame({ type, flags, streamId, payload }: RawFrame): Buffer {
  const head = Buffer.alloc(frameHeaderLength);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Splits what a client sends into frames, behind its preface. */
export function createFrameReader(onFrame: (frame: RawFrame) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let hasPreface = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    if (!hasPreface) {
      if (rest.length < prefaceLength) return;
      hasPreface = true;
      rest = rest.subarray(prefaceLength);
    }
    while (rest.length >= frameHeaderLength) {
      const end = frameHeaderLength + rest.readUIntBE(0, 3);
      if (rest.length < end) return;
      const payload = rest.subarray(frameHeaderLength, end);
      const frame = { type: rest.readUInt8(3), flags: rest.readUInt8(4), streamId: rest.readUInt32BE(5), payload };
      rest = rest.subarray(end);
      onFrame(frame);
    }
  };
}

/** A header block of literals without indexing (RFC 7541, 6.2.2): no table, no Huffman code, no opinion. */
export function encodeHeaders(headers: readonly RawHeader[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.of(0), encodeString(name), encodeString(value)]));
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([encodeInteger(bytes.length), bytes]);
}

// RFC 7541, 5.1, with a prefix of 7 bits.
function encodeInteger(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const out = [127];
  let left = value - 127;
  for (; left >= 128; left = Math.floor(left / 128)) out.push((left % 128) + 128);
  return Buffer.of(...out, left);
}

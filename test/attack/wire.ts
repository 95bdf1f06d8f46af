/** Types of HTTP/2 frames (RFC 9113, 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of HTTP/2 frames. */
export const frameFlag = { none: 0, endStream: 1, ack: 1, endHeaders: 4 } as const;

/** What a client sends before anything else. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Size of the head of each frame. */
export const frameHeadBytes = 9;
/** Largest frame that every peer takes. */
export const largestFrameBytes = 16_384;

/** The head of a frame. */
export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** The head alone; `sizeBytes` may promise a payload that never comes. */
export function frameHead({ type, flags, stream }: FrameHead, sizeBytes: number): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(sizeBytes, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return head;
}

/** A whole frame. */
export function frame(head: FrameHead, payload: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([frameHead(head, payload.length), payload]);
}

/** A number as a payload: an error code or a window's step. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SETTINGS with these pairs of identifier and value. */
export function settingsFrame(pairs: readonly (readonly [number, number])[] = []): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [index, [identifier, value]] of pairs.entries()) {
    payload.writeUInt16BE(identifier, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame({ type: frameType.settings, flags: 0, stream: 0 }, payload);
}

/** RST_STREAM with CANCEL. */
export function resetFrame(stream: number): Buffer {
  return frame({ type: frameType.resetStream, flags: 0, stream }, uint32(8));
}

/** Names and values, in order. */
export type HeaderPairs = readonly (readonly [string, string])[];

/** A header block without compression: literals that nobody indexes (RFC 7541, 6.2.2). */
export function headerBlock(pairs: HeaderPairs): Buffer {
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]));
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([hpackLength(bytes.length), bytes]);
}

// An integer with a prefix of 7 bits (RFC 7541, 5.1).
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const bytes = [127];
  let rest = length - 127;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** HEADERS and as many CONTINUATIONs as the headers need. */
export function headersFrames(stream: number, pairs: HeaderPairs, endStream: boolean): Buffer {
  return blockFrames(stream, headerBlock(pairs), endStream);
}

/** The same for a header block that is made already. */
export function blockFrames(stream: number, block: Buffer, endStream: boolean): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += largestFrameBytes) {
    const part = block.subarray(at, at + largestFrameBytes);
    const last = at + largestFrameBytes >= block.length ? frameFlag.endHeaders : 0;
    const first = at === 0;
    const type = first ? frameType.headers : frameType.continuation;
    parts.push(frame({ type, flags: last | (first && endStream ? frameFlag.endStream : 0), stream }, part));
  }
  return Buffer.concat(parts);
}

/** DATA with a gRPC message: a flag, the length, the message. */
export function messageFrame(stream: number, message: Buffer, endStream = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const flags = endStream ? frameFlag.endStream : 0;
  return frame({ type: frameType.data, flags, stream }, Buffer.concat([prefix, message]));
}

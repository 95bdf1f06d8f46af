import { gunzipSync, inflateSync } from 'node:zlib';
import { systemCode } from '#common/errors/storage-error.js';
import { PaneletError } from '#common/errors/errors.js';
import { messagePrefixBytes } from '#common/grpc/grpc-message.js';
import { Frames, type Hello } from '#proto/session/v1/session.js';

/** Collects the first gRPC message of an Attach: a 5-byte prefix (flag, length), then the message. */
export interface FirstMessage {
  /**
   * Takes what arrived; true once the first message is complete.
   * @throws PaneletError FRAME_INVALID as soon as the prefix says that the message is too large.
   */
  push(chunk: Buffer): boolean;
  /** Everything that was pushed: the first message and what came behind it, to be relayed unchanged. */
  bytes(): Buffer;
  /** The first message without its prefix. @throws PaneletError FRAME_INVALID when it cannot be decompressed. */
  message(): Buffer;
  /** @throws PaneletError FRAME_INVALID when the message is not exactly one Hello. */
  hello(): Hello;
}

/** A collector for one stream; `encoding` is the stream's `grpc-encoding`. */
export function createFirstMessage(limitBytes: number, encoding: string | undefined): FirstMessage {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let messageBytes: number | undefined;
  const joined = (): Buffer => {
    const [first] = chunks;
    if (first !== undefined && chunks.length === 1) return first;
    const all = Buffer.concat(chunks, sizeBytes);
    chunks.splice(0, chunks.length, all);
    return all;
  };
  const message = (): Buffer => {
    const all = joined();
    const content = all.subarray(messagePrefixBytes, messagePrefixBytes + (messageBytes ?? 0));
    return all[0] === 0 ? content : decompress(content, all[0], { encoding, limitBytes });
  };
  return {
    push: (chunk) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (messageBytes === undefined && sizeBytes >= messagePrefixBytes) {
        messageBytes = joined().readUInt32BE(1);
        if (messageBytes > limitBytes) throw tooLarge(limitBytes);
      }
      return messageBytes !== undefined && sizeBytes >= messagePrefixBytes + messageBytes;
    },
    bytes: joined,
    message,
    hello: () => readHello(message()),
  };
}

function readHello(message: Buffer): Hello {
  let frames: Frames;
  try {
    frames = Frames.decode(message);
  } catch (cause) {
    throw new PaneletError('FRAME_INVALID', 'The first message cannot be decoded. Send Frames with one Hello.', {
      cause,
    });
  }
  const [first] = frames.frames;
  if (frames.frames.length !== 1 || first?.kind?.$case !== 'hello') {
    throw new PaneletError('FRAME_INVALID', 'The first message must hold exactly one frame, a Hello.');
  }
  return first.kind.value;
}

interface Compression {
  readonly encoding: string | undefined;
  readonly limitBytes: number;
}

// Only the agent's reading of the first message is decompressed; what is relayed stays as it came.
function decompress(message: Buffer, flag: number | undefined, { encoding, limitBytes }: Compression): Buffer {
  const options = { maxOutputLength: limitBytes };
  try {
    if (flag === 1 && encoding === 'gzip') return gunzipSync(message, options);
    if (flag === 1 && encoding === 'deflate') return inflateSync(message, options);
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw new PaneletError('FRAME_INVALID', 'The first message cannot be decompressed.', { cause: error });
  }
  throw new PaneletError('FRAME_INVALID', 'The first message is compressed in a way that grpc-encoding does not name.');
}

function tooLarge(limitBytes: number): PaneletError {
  return new PaneletError('FRAME_INVALID', `The first message is larger than ${limitBytes} bytes.`);
}

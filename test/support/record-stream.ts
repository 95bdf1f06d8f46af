import { createHash } from 'node:crypto';
import { createSeededRandom } from '#common/random.js';

/**
 * A stream of numbered records, so that a receiver can tell loss, repetition and reordering apart: 8 bytes of number,
 * then bytes that follow from seed and number.
 */
export const recordBytes = 1024;
const numberBytes = 8;
const bodyBytes = recordBytes - numberBytes;
const blockBytes = bodyBytes * 2;

/** Makes and checks the records of one seed. */
export interface RecordCodec {
  /** Bytes `from` to `from + size` of the stream. */
  bytes(from: number, size: number): Buffer;
  /** Number of a whole record, or undefined when its content is not what it should be. */
  numberOf(record: Buffer): number | undefined;
}

/** Codec of the stream of a seed. */
export function createRecordCodec(seed: number): RecordCodec {
  const block = Buffer.from(createSeededRandom(seed).bytes(blockBytes));
  const bodyOf = (number: number): Buffer => {
    const start = (number * 37) % bodyBytes;
    return block.subarray(start, start + bodyBytes);
  };
  return {
    bytes: (from, size) => {
      const first = Math.floor(from / recordBytes);
      const last = Math.floor((from + size - 1) / recordBytes);
      const whole = Buffer.allocUnsafe((last - first + 1) * recordBytes);
      for (let number = first; number <= last; number++) {
        const at = (number - first) * recordBytes;
        whole.writeUInt32BE(Math.floor(number / 0x1_0000_0000), at);
        whole.writeUInt32BE(number % 0x1_0000_0000, at + 4);
        bodyOf(number).copy(whole, at + numberBytes);
      }
      const skip = from - first * recordBytes;
      return whole.subarray(skip, skip + size);
    },
    numberOf: (record) => {
      const number = record.readUInt32BE(0) * 0x1_0000_0000 + record.readUInt32BE(4);
      return bodyOf(number).equals(record.subarray(numberBytes)) ? number : undefined;
    },
  };
}

/** What arrived out of a sequence of numbers. */
export interface SequenceVerdict {
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

/** Counts what is wrong with a sequence of numbers that should go 0, 1, 2, … */
export interface SequenceTracker {
  take(number: number): void;
  /** `sent` numbers were sent. */
  verdict(sent: number): SequenceVerdict;
}

/** A tracker that has seen nothing. */
export function createSequenceTracker(): SequenceTracker {
  const missing = new Set<number>();
  let next = 0;
  let received = 0;
  let duplicated = 0;
  let reordered = 0;
  return {
    take: (number) => {
      received += 1;
      if (number >= next) {
        for (let skipped = next; skipped < number; skipped++) missing.add(skipped);
        next = number + 1;
      } else if (missing.delete(number)) reordered += 1;
      else duplicated += 1;
    },
    verdict: (sent) => ({ received, lost: missing.size + Math.max(0, sent - next), duplicated, reordered }),
  };
}

/** What a receiver can say about a stream of records. */
export interface StreamVerdict {
  readonly bytes: number;
  readonly sha256: string;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Records whose content is wrong. */
  readonly corrupt: number;
}

/** Receives a stream of records in any pieces. */
export interface RecordReceiver {
  take(bytes: Uint8Array): void;
  readonly bytes: number;
  /** `sentBytes` were sent. May be asked once. */
  verdict(sentBytes: number): StreamVerdict;
}

/** Receiver of the stream of a codec. */
export function createRecordReceiver(codec: RecordCodec): RecordReceiver {
  const hash = createHash('sha256');
  const tracker = createSequenceTracker();
  const record = Buffer.allocUnsafe(recordBytes);
  let filled = 0;
  let bytes = 0;
  let corrupt = 0;
  return {
    take: (piece) => {
      hash.update(piece);
      bytes += piece.length;
      for (let at = 0; at < piece.length;) {
        const size = Math.min(recordBytes - filled, piece.length - at);
        record.set(piece.subarray(at, at + size), filled);
        filled += size;
        at += size;
        if (filled < recordBytes) break;
        filled = 0;
        const number = codec.numberOf(record);
        if (number === undefined) corrupt += 1;
        else tracker.take(number);
      }
    },
    get bytes() {
      return bytes;
    },
    verdict: (sentBytes) => {
      const { lost, duplicated, reordered } = tracker.verdict(Math.floor(sentBytes / recordBytes));
      return { bytes, sha256: hash.digest('hex'), lost, duplicated, reordered, corrupt };
    },
  };
}

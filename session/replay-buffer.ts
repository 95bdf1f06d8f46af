import { PaneletError } from '#common/errors.js';
import type { Channel, Event, Frame } from '#proto/session/v1/session.js';
import {
  checkEvent,
  dataBytesOf,
  dataOverheadBytes,
  envelopeBytes,
  frameBytes,
  type NumberedFrame,
} from './frame-codec.js';
import { createFifo } from './fifo.js';
import type { SessionLimits } from './limits.js';
import { ownBytes, ownEvent } from './own-bytes.js';

/** What a frame costs in memory besides its bytes; it keeps a writer of single bytes within the replay limit. */
const entryOverheadBytes = 128;

interface Entry {
  readonly frame: NumberedFrame;
  /** Bytes inside a message. */
  readonly sizeBytes: number;
  /** Data bytes of all frames up to and including this one; compared with the peer's credit. */
  readonly endBytes: number;
}

/** Where a replay buffer starts. */
export interface ReplayStart {
  readonly base: number;
  readonly sentSeq: number;
  /** Data bytes of all frames before `base`. */
  readonly trimmedDataBytes: number;
  readonly finWritten: boolean;
}

/** Frames of this end, from the first that the peer has not acknowledged. */
export interface ReplayBuffer {
  /** Lowest sequence number held. */
  readonly base: number;
  /** Sequence number of the next new frame. */
  readonly next: number;
  /** Highest sequence number ever taken for sending. */
  sentSeq: number;
  /** Sequence number of the last data frame, or `base - 1` of the start. */
  readonly lastDataSeq: number;
  /** Data bytes of all frames ever numbered. */
  readonly dataBytes: number;
  /** Data bytes of all frames before `base`. */
  readonly trimmedDataBytes: number;
  readonly finWritten: boolean;
  readonly isFull: boolean;
  appendData(channel: Channel, bytes: Uint8Array): void;
  appendEvent(event: Event): void;
  appendFin(): void;
  /** Puts a frame of an earlier process back. */
  restore(frame: NumberedFrame): void;
  /** Drops everything up to `ack`. */
  trim(ack: number): void;
  /** Frames from `seq` on that fit one message and the credit. */
  batch(seq: number, credit: number): Frame[];
  /** Every frame held, in order. */
  frames(): Frame[];
}

/** A replay buffer. Limits are those of the peer for what is sent; `replayBytes` is ours. */
export function createReplayBuffer(limits: SessionLimits, start: ReplayStart): ReplayBuffer {
  const entries = createFifo<Entry>();
  let { base, trimmedDataBytes, finWritten } = start;
  let dataBytes = trimmedDataBytes;
  let lastDataSeq = base - 1;
  let events = 0;
  const batchBytes = Math.min(limits.coalesceBytes, limits.maxMessageBytes);
  const pieceBytes = Math.min(limits.maxDataBytes, limits.maxMessageBytes - envelopeBytes - dataOverheadBytes);

  const append = (kind: NumberedFrame['kind']): void => {
    const frame: NumberedFrame = { seq: base + entries.length, kind };
    dataBytes += dataBytesOf(frame);
    if (kind.$case === 'data') lastDataSeq = frame.seq;
    if (kind.$case === 'event') events += 1;
    if (kind.$case === 'fin') finWritten = true;
    entries.push({ frame, sizeBytes: frameBytes(frame), endBytes: dataBytes });
  };
  const refuseAfterFin = (): void => {
    if (finWritten) throw new PaneletError('OPERATION_REFUSED', 'This direction has ended: nothing follows a fin.');
  };

  const buffer: ReplayBuffer = {
    get base() {
      return base;
    },
    get next() {
      return base + entries.length;
    },
    sentSeq: start.sentSeq,
    get lastDataSeq() {
      return lastDataSeq;
    },
    get dataBytes() {
      return dataBytes;
    },
    get trimmedDataBytes() {
      return trimmedDataBytes;
    },
    get finWritten() {
      return finWritten;
    },
    get isFull() {
      return dataBytes - trimmedDataBytes + entries.length * entryOverheadBytes >= limits.replayBytes;
    },
    appendData: (channel, bytes) => {
      refuseAfterFin();
      for (let from = 0; from < bytes.length; from += pieceBytes) {
        append({ $case: 'data', value: { channel, payload: ownBytes(bytes.subarray(from, from + pieceBytes)) } });
      }
    },
    appendEvent: (event) => {
      refuseAfterFin();
      checkEvent(event, limits);
      if (events >= limits.maxUnackedEvents) {
        throw new PaneletError(
          'LIMIT_EXCEEDED',
          `${events} events are not acknowledged yet; that is the limit. Wait for the peer.`,
        );
      }
      append({ $case: 'event', value: ownEvent(event) });
    },
    appendFin: () => {
      if (!finWritten) append({ $case: 'fin', value: {} });
    },
    restore: (frame) => append(frame.kind),
    trim: (ack) => {
      while (base <= ack) {
        const entry = entries.shift();
        if (entry === undefined) return;
        base += 1;
        trimmedDataBytes = entry.endBytes;
        if (entry.frame.kind.$case === 'event') events -= 1;
      }
    },
    batch: (seq, credit) => {
      const frames: Frame[] = [];
      let sizeBytes = envelopeBytes;
      for (let position = seq - base; ; position += 1) {
        const entry = entries.at(position);
        if (entry === undefined || !isSendable(entry, credit)) break;
        if (frames.length > 0 && sizeBytes + entry.sizeBytes > batchBytes) break;
        frames.push(entry.frame);
        sizeBytes += entry.sizeBytes;
      }
      const last = frames.at(-1);
      if (last !== undefined) buffer.sentSeq = Math.max(buffer.sentSeq, last.seq);
      return frames;
    },
    frames: () => Array.from({ length: entries.length }, (_, position) => entries.at(position)?.frame).filter(isFrame),
  };
  return buffer;
}

// Events and fin need no credit of their own (their endBytes is that of the data before them).
function isSendable(entry: Entry, credit: number): boolean {
  return entry.endBytes <= credit || entry.frame.kind.$case !== 'data';
}

function isFrame(frame: NumberedFrame | undefined): frame is NumberedFrame {
  return frame !== undefined;
}

import { PaneletError } from '#common/errors/errors.js';
import type { Channel, Event, Frame } from '#proto/session/v1/session.js';
import {
  checkEvent,
  dataBytesOf,
  dataOverheadBytes,
  envelopeBytes,
  frameBytes,
  type NumberedFrame,
} from '../codec/frame-codec.js';
import { createFifo } from './fifo.js';
import type { SessionLimits } from '../codec/limits.js';
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

class FifoReplayBuffer implements ReplayBuffer {
  readonly #limits: SessionLimits;
  readonly #entries = createFifo<Entry>();
  #events = 0;
  base: number;
  sentSeq: number;
  lastDataSeq: number;
  dataBytes: number;
  trimmedDataBytes: number;
  finWritten: boolean;

  constructor(limits: SessionLimits, start: ReplayStart) {
    this.#limits = limits;
    this.base = start.base;
    this.sentSeq = start.sentSeq;
    this.lastDataSeq = start.base - 1;
    this.dataBytes = start.trimmedDataBytes;
    this.trimmedDataBytes = start.trimmedDataBytes;
    this.finWritten = start.finWritten;
  }

  get next(): number {
    return this.base + this.#entries.length;
  }

  get isFull(): boolean {
    const heldBytes = this.dataBytes - this.trimmedDataBytes + this.#entries.length * entryOverheadBytes;
    return heldBytes >= this.#limits.replayBytes;
  }

  appendData(channel: Channel, bytes: Uint8Array): void {
    if (this.finWritten)
      throw new PaneletError('OPERATION_REFUSED', 'This direction has ended: no data follows a fin.');
    const { maxDataBytes, maxMessageBytes } = this.#limits;
    const pieceBytes = Math.min(maxDataBytes, maxMessageBytes - envelopeBytes - dataOverheadBytes);
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      this.#append({ $case: 'data', value: { channel, payload: ownBytes(bytes.subarray(from, from + pieceBytes)) } });
    }
  }

  appendEvent(event: Event): void {
    checkEvent(event, this.#limits);
    if (this.#events >= this.#limits.maxUnackedEvents) {
      throw new PaneletError(
        'LIMIT_EXCEEDED',
        `${this.#events} events are not acknowledged yet; that is the limit. Wait for the peer.`,
      );
    }
    this.#append({ $case: 'event', value: ownEvent(event) });
  }

  appendFin(): void {
    if (!this.finWritten) this.#append({ $case: 'fin', value: {} });
  }

  restore(frame: NumberedFrame): void {
    this.#append(frame.kind);
  }

  trim(ack: number): void {
    while (this.base <= ack) {
      const entry = this.#entries.shift();
      if (entry === undefined) return;
      this.base += 1;
      this.trimmedDataBytes = entry.endBytes;
      if (entry.frame.kind.$case === 'event') this.#events -= 1;
    }
  }

  batch(seq: number, credit: number): Frame[] {
    const batchBytes = Math.min(this.#limits.coalesceBytes, this.#limits.maxMessageBytes);
    const frames: Frame[] = [];
    let sizeBytes = envelopeBytes;
    for (let position = seq - this.base; ; position += 1) {
      const entry = this.#entries.at(position);
      if (entry === undefined || !isSendable(entry, credit)) break;
      if (frames.length > 0 && sizeBytes + entry.sizeBytes > batchBytes) break;
      frames.push(entry.frame);
      sizeBytes += entry.sizeBytes;
    }
    this.sentSeq = Math.max(this.sentSeq, seq + frames.length - 1);
    return frames;
  }

  frames(): Frame[] {
    const frames: Frame[] = [];
    for (let position = 0; position < this.#entries.length; position += 1) {
      const entry = this.#entries.at(position);
      if (entry !== undefined) frames.push(entry.frame);
    }
    return frames;
  }

  #append(kind: NumberedFrame['kind']): void {
    const frame: NumberedFrame = { seq: this.next, kind };
    this.dataBytes += dataBytesOf(frame);
    if (kind.$case === 'data') this.lastDataSeq = frame.seq;
    if (kind.$case === 'event') this.#events += 1;
    if (kind.$case === 'fin') this.finWritten = true;
    this.#entries.push({ frame, sizeBytes: frameBytes(frame), endBytes: this.dataBytes });
  }
}

/** A replay buffer. Limits are those of the peer for what is sent; `replayBytes` is ours. */
export function createReplayBuffer(limits: SessionLimits, start: ReplayStart): ReplayBuffer {
  return new FifoReplayBuffer(limits, start);
}

// Events and fin need no credit of their own (their endBytes is that of the data before them).
function isSendable(entry: Entry, credit: number): boolean {
  return entry.endBytes <= credit || entry.frame.kind.$case !== 'data';
}

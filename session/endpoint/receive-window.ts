import { PaneletError } from '#common/errors/errors.js';
import type { Frame } from '#proto/session/v1/session.js';
import type { InputItem } from './endpoint.js';
import { checkNumbered, dataBytesOf, isNumbered, type NumberedFrame } from '../codec/frame-codec.js';
import { createFifo } from './fifo.js';
import type { SessionLimits } from '../codec/limits.js';
import { createUnreadQueue } from './unread-queue.js';

// A client that took over does not know how many events of the one before it still wait here: it gets a share of its own.
const takeoverFactor = 2;

/** Where a receive window starts. */
export interface ReceiveStart {
  readonly next: number;
  readonly receivedDataBytes: number;
  readonly consumedDataBytes: number;
  readonly creditGiven: number;
  readonly finReceived: boolean;
  readonly unread: readonly InputItem[];
}

/** What `inspect` found in a message; `accept` applies it. */
export interface Inspected {
  readonly accepted: readonly NumberedFrame[];
  readonly duplicates: number;
  readonly unnumbered: readonly Frame[];
}

/** Frames of the peer: what may come, what has come, what waits to be consumed. */
export interface ReceiveWindow {
  /** Next sequence number expected. */
  readonly next: number;
  /** Highest sequence number vouched for: all that was received, except from the first event on that is not consumed. */
  readonly ack: number;
  readonly receivedDataBytes: number;
  readonly consumedDataBytes: number;
  readonly finReceived: boolean;
  readonly duplicates: number;
  readonly unreadCount: number;
  /** Credit given so far. Raised by whoever sends it. */
  creditGiven: number;
  /**
   * Checks a message's frames without changing anything.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED
   */
  inspect(frames: readonly Frame[]): Inspected;
  accept(inspected: Inspected): void;
  read(): InputItem | undefined;
  unread(): InputItem[];
  skipTo(next: number, dataBytes: number): void;
}

class QueuedWindow implements ReceiveWindow {
  readonly #limits: SessionLimits;
  readonly #queue = createUnreadQueue();
  readonly #eventSeqs = createFifo<number>();
  next: number;
  receivedDataBytes: number;
  consumedDataBytes: number;
  finReceived: boolean;
  creditGiven: number;
  duplicates = 0;

  constructor(limits: SessionLimits, start: ReceiveStart) {
    this.#limits = limits;
    this.next = start.next;
    this.receivedDataBytes = start.receivedDataBytes;
    this.consumedDataBytes = start.consumedDataBytes;
    this.finReceived = start.finReceived;
    this.creditGiven = start.creditGiven;
    for (const item of start.unread) this.#enqueue(item);
  }

  get ack(): number {
    return Math.min(this.next, this.#eventSeqs.at(0) ?? this.next) - 1;
  }

  get unreadCount(): number {
    return this.#queue.length;
  }

  inspect(frames: readonly Frame[]): Inspected {
    const scan = new Scan(this.#limits, {
      next: this.next,
      finReceived: this.finReceived,
      unreadEvents: this.#eventSeqs.length,
      dataBytesLeft: this.creditGiven - this.receivedDataBytes,
    });
    for (const frame of frames) scan.take(frame);
    return scan.result();
  }

  accept(inspected: Inspected): void {
    this.#queue.settle();
    this.duplicates += inspected.duplicates;
    for (const frame of inspected.accepted) {
      this.next = frame.seq + 1;
      this.receivedDataBytes += dataBytesOf(frame);
      if (frame.kind.$case === 'fin') this.finReceived = true;
      this.#enqueue(inputOf(frame));
    }
  }

  read(): InputItem | undefined {
    const item = this.#queue.shift();
    if (item?.kind === 'event') this.#eventSeqs.shift();
    if (item?.kind === 'data') this.consumedDataBytes += item.payload.length;
    return item;
  }

  unread(): InputItem[] {
    return this.#queue.items();
  }

  skipTo(next: number, dataBytes: number): void {
    if (next < this.next) return;
    while (this.read() !== undefined);
    this.next = next;
    this.receivedDataBytes = dataBytes;
    this.consumedDataBytes = dataBytes;
    this.creditGiven = Math.max(this.creditGiven, dataBytes);
  }

  #enqueue(item: InputItem): void {
    this.#queue.push(item);
    if (item.kind === 'event') this.#eventSeqs.push(item.seq);
  }
}

/**
 * A receive window. Acknowledgement stops before the first event that waits: the sender may have only so many events
 * without acknowledgement, so that bound holds for the events waiting here as well. Data is bounded by credit.
 */
export function createReceiveWindow(limits: SessionLimits, start: ReceiveStart): ReceiveWindow {
  return new QueuedWindow(limits, start);
}

/** A numbered frame as input. */
export function inputOf(frame: NumberedFrame): InputItem {
  const { seq, kind } = frame;
  switch (kind.$case) {
    case 'data':
      return { kind: 'data', seq, channel: kind.value.channel, payload: kind.value.payload };
    case 'event':
      return { kind: 'event', seq, event: kind.value };
    case 'fin':
      return { kind: 'fin', seq };
  }
}

interface ScanStart {
  readonly next: number;
  readonly finReceived: boolean;
  readonly unreadEvents: number;
  readonly dataBytesLeft: number;
}

/** The frames of one message, checked one after the other. */
class Scan {
  readonly #limits: SessionLimits;
  readonly #accepted: NumberedFrame[] = [];
  readonly #unnumbered: Frame[] = [];
  #next: number;
  #finReceived: boolean;
  #unreadEvents: number;
  #dataBytesLeft: number;
  #duplicates = 0;
  #sizeBytes = 0;

  constructor(limits: SessionLimits, start: ScanStart) {
    this.#limits = limits;
    this.#next = start.next;
    this.#finReceived = start.finReceived;
    this.#unreadEvents = start.unreadEvents;
    this.#dataBytesLeft = start.dataBytesLeft;
  }

  take(frame: Frame): void {
    this.#sizeBytes += frame.kind?.$case === 'snapshot' ? frame.kind.value.chunk.length : dataBytesOf(frame);
    const { maxMessageBytes } = this.#limits;
    if (this.#sizeBytes > maxMessageBytes) {
      throw new PaneletError('LIMIT_EXCEEDED', `A message is larger than the limit of ${maxMessageBytes} bytes.`);
    }
    if (isNumbered(frame)) {
      this.#takeNumbered(frame);
      return;
    }
    if (frame.seq !== 0) {
      throw new PaneletError('FRAME_INVALID', `Frame ${frame.seq} is numbered and of a kind that was not negotiated.`);
    }
    if (frame.kind !== undefined) this.#unnumbered.push(frame);
  }

  result(): Inspected {
    return { accepted: this.#accepted, duplicates: this.#duplicates, unnumbered: this.#unnumbered };
  }

  #takeNumbered(frame: NumberedFrame): void {
    if (frame.seq === 0) throw new PaneletError('FRAME_INVALID', 'A data, event or fin frame has no sequence number.');
    checkNumbered(frame, this.#limits);
    if (frame.seq < this.#next) {
      this.#duplicates += 1;
      return;
    }
    this.#checkOrder(frame);
    this.#chargeCredit(frame);
    this.#countEvents(frame);
    this.#finReceived ||= frame.kind.$case === 'fin';
    this.#next += 1;
    this.#accepted.push(frame);
  }

  #checkOrder({ seq, kind }: NumberedFrame): void {
    if (seq > this.#next) {
      throw new PaneletError('FRAME_INVALID', `Frame ${seq} came where ${this.#next} was due. Send frames in order.`);
    }
    // A program at the end of its input still has a window and takes signals.
    if (this.#finReceived && kind.$case !== 'event') {
      throw new PaneletError('FRAME_INVALID', `Frame ${seq} is no event and follows a fin.`);
    }
  }

  #chargeCredit(frame: NumberedFrame): void {
    this.#dataBytesLeft -= dataBytesOf(frame);
    if (this.#dataBytesLeft >= 0) return;
    const message = `Frame ${frame.seq} is ${-this.#dataBytesLeft} bytes beyond the credit given.`;
    throw new PaneletError('CREDIT_EXCEEDED', message);
  }

  #countEvents(frame: NumberedFrame): void {
    if (frame.kind.$case === 'event') this.#unreadEvents += 1;
    const { maxUnackedEvents } = this.#limits;
    if (this.#unreadEvents <= takeoverFactor * maxUnackedEvents) return;
    const message = `More than ${maxUnackedEvents} events without an acknowledgement. Wait for it.`;
    throw new PaneletError('LIMIT_EXCEEDED', message);
  }
}

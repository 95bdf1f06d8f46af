import { PaneletError } from '#common/errors/errors.js';
import { Frame, type Channel, type Event, type Frames } from '#proto/session/v1/session.js';
import type { AckUrgency, Cursors, Endpoint, EndpointState, EndpointTotals, InputItem } from './endpoint.js';
import { checkEndpointState } from './endpoint-state.js';
import { defaultLimits, type SessionLimits } from '../codec/limits.js';
import { createReceiveWindow, type ReceiveWindow } from './receive-window.js';
import { createReplayBuffer, type ReplayBuffer } from './replay-buffer.js';

/** How an endpoint is made. */
export interface EndpointOptions {
  /** @default defaultLimits */
  readonly limits?: SessionLimits;
  /** Limits that the peer enforces on what is sent to it. @default limits */
  readonly peerLimits?: Pick<SessionLimits, 'maxDataBytes' | 'maxMessageBytes' | 'maxEventBytes' | 'maxUnackedEvents'>;
}

const freshState: EndpointState = {
  cursors: { nextRx: 1, txBase: 1, txNext: 1 },
  unacked: [],
  unread: [],
  sentDataBytes: 0,
  creditReceived: 0,
  receivedDataBytes: 0,
  consumedDataBytes: 0,
  creditGiven: 0,
  finSent: false,
  finReceived: false,
};

/** A fresh endpoint: both directions start at 1. */
export function createEndpoint(options: EndpointOptions = {}): Endpoint {
  return restoreEndpoint(freshState, options);
}

/**
 * The endpoint that `save` described, detached.
 * @throws CHECKPOINT_UNREADABLE when the state contradicts itself.
 */
export function restoreEndpoint(state: EndpointState, options: EndpointOptions = {}): Endpoint {
  const limits = options.limits ?? defaultLimits;
  const held = checkEndpointState(state);
  const replay = createReplayBuffer(
    { ...limits, ...options.peerLimits },
    {
      base: state.cursors.txBase,
      // What was numbered may have been sent after the state was saved.
      sentSeq: state.cursors.txNext - 1,
      trimmedDataBytes: state.sentDataBytes - held.unackedDataBytes,
      finWritten: state.finSent,
    },
  );
  for (const frame of held.unacked) replay.restore(frame);
  const window = createReceiveWindow(limits, {
    next: state.cursors.nextRx,
    receivedDataBytes: state.receivedDataBytes,
    consumedDataBytes: state.consumedDataBytes,
    creditGiven: state.creditGiven,
    finReceived: state.finReceived,
    unread: held.unread,
  });
  return new BufferedEndpoint({
    replay,
    window,
    creditReceived: state.creditReceived,
    windowBytes: limits.windowBytes,
  });
}

/** What the peer was told last on this attachment. */
interface Told {
  ack: number;
  credit: number;
  receivedDataBytes: number;
}

/** What an endpoint is made of. */
interface Parts {
  readonly replay: ReplayBuffer;
  readonly window: ReceiveWindow;
  readonly creditReceived: number;
  readonly windowBytes: number;
}

class BufferedEndpoint implements Endpoint {
  readonly #replay: ReplayBuffer;
  readonly #window: ReceiveWindow;
  readonly #windowBytes: number;
  #creditReceived: number;
  #sendSeq: number | undefined;
  #told: Told | undefined;
  #isFrozen = false;

  constructor(parts: Parts) {
    this.#replay = parts.replay;
    this.#window = parts.window;
    this.#windowBytes = parts.windowBytes;
    this.#creditReceived = parts.creditReceived;
  }

  get cursors(): Cursors {
    return { nextRx: this.#window.next, txBase: this.#replay.base, txNext: this.#replay.next };
  }

  get totals(): EndpointTotals {
    return {
      receivedDataBytes: this.#window.receivedDataBytes,
      trimmedDataBytes: this.#replay.trimmedDataBytes,
      sentDataBytes: this.#replay.dataBytes,
      finReceived: this.#window.finReceived,
      finSent: this.#replay.finWritten,
    };
  }

  get lastDataSeq(): number {
    return this.#replay.lastDataSeq;
  }

  get duplicates(): number {
    return this.#window.duplicates;
  }

  writeData(channel: Channel, bytes: Uint8Array): boolean {
    this.#replay.appendData(channel, bytes);
    return !this.#replay.isFull;
  }

  writeEvent(event: Event): void {
    this.#replay.appendEvent(event);
  }

  writeFin(): void {
    this.#replay.appendFin();
  }

  canWrite(): boolean {
    return !this.#replay.isFull;
  }

  attach(peerNextRx: number): void {
    const { base, next } = this.#replay;
    if (peerNextRx < base || peerNextRx > next) {
      throw new PaneletError('FRAME_INVALID', `The peer expects frame ${peerNextRx}; ${base} to ${next} can be sent.`);
    }
    this.#sendSeq = peerNextRx;
    this.#replay.sentSeq = Math.max(this.#replay.sentSeq, peerNextRx - 1);
    this.#told = undefined;
  }

  detach(): void {
    this.#sendSeq = undefined;
  }

  pull(ackNow: boolean): Frames | undefined {
    if (this.#sendSeq === undefined) return undefined;
    const frames = this.#replay.batch(this.#sendSeq, this.#creditReceived);
    if (frames.length === 0 && !(ackNow && this.#hasNews())) return undefined;
    this.#sendSeq += frames.length;
    return this.#envelope(frames);
  }

  wrap(frames: readonly Frame[]): Frames {
    return this.#envelope(frames);
  }

  announce(frames: readonly Frame[]): Frames {
    const window = this.#window;
    // The peer may use it from the moment that it arrives.
    window.creditGiven = this.#creditDue();
    return { ack: window.ack, credit: window.creditGiven, frames: [...frames] };
  }

  ackUrgency(): AckUrgency {
    if (this.#sendSeq === undefined || !this.#hasNews()) return 'none';
    return this.#isUrgent() ? 'now' : 'soon';
  }

  receive(message: Frames): readonly Frame[] {
    const { sentSeq } = this.#replay;
    if (message.ack > sentSeq) {
      throw new PaneletError('FRAME_INVALID', `Frame ${message.ack} is acknowledged; the last one sent is ${sentSeq}.`);
    }
    const inspected = this.#window.inspect(message.frames);
    this.#window.accept(inspected);
    this.#replay.trim(message.ack);
    if (this.#sendSeq !== undefined) this.#sendSeq = Math.max(this.#sendSeq, this.#replay.base);
    this.#creditReceived = Math.max(this.#creditReceived, message.credit);
    return inspected.unnumbered;
  }

  replaceCredit(credit: number): void {
    this.#creditReceived = credit;
  }

  skipInput(nextRx: number, dataBytes: number): void {
    this.#window.skipTo(nextRx, dataBytes);
  }

  read(): InputItem | undefined {
    return this.#window.read();
  }

  unreadCount(): number {
    return this.#window.unreadCount;
  }

  unackedCount(): number {
    return this.#replay.next - this.#replay.base;
  }

  unackedBytes(): number {
    return this.#replay.dataBytes - this.#replay.trimmedDataBytes;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
  }

  save(): EndpointState {
    return {
      cursors: this.cursors,
      unacked: this.#replay.frames().map(encodeFrame),
      unread: this.#window.unread().map(frameOf).map(encodeFrame),
      sentDataBytes: this.#replay.dataBytes,
      creditReceived: this.#creditReceived,
      receivedDataBytes: this.#window.receivedDataBytes,
      consumedDataBytes: this.#window.consumedDataBytes,
      creditGiven: this.#window.creditGiven,
      finSent: this.#replay.finWritten,
      finReceived: this.#window.finReceived,
    };
  }

  #creditDue(): number {
    const { creditGiven, consumedDataBytes } = this.#window;
    return this.#isFrozen ? creditGiven : Math.max(creditGiven, consumedDataBytes + this.#windowBytes);
  }

  #hasNews(): boolean {
    const told = this.#told;
    return told === undefined || this.#window.ack > told.ack || this.#creditDue() > told.credit;
  }

  #isUrgent(): boolean {
    const told = this.#told;
    const window = this.#window;
    if (told === undefined) return true;
    if (window.ack > told.ack && (this.#isFrozen || window.finReceived)) return true;
    const untoldBytes = Math.max(window.receivedDataBytes - told.receivedDataBytes, this.#creditDue() - told.credit);
    return 4 * untoldBytes >= this.#windowBytes;
  }

  #envelope(frames: readonly Frame[]): Frames {
    const message = this.announce(frames);
    const { ack, credit } = message;
    this.#told = { ack, credit, receivedDataBytes: this.#window.receivedDataBytes };
    return message;
  }
}

function encodeFrame(frame: Frame): Uint8Array {
  return Frame.encode(frame).finish();
}

function frameOf(item: InputItem): Frame {
  switch (item.kind) {
    case 'data':
      return {
        seq: item.seq,
        kind: { $case: 'data', value: { channel: item.channel, payload: asBuffer(item.payload) } },
      };
    case 'event':
      return { seq: item.seq, kind: { $case: 'event', value: item.event } };
    case 'fin':
      return { seq: item.seq, kind: { $case: 'fin', value: {} } };
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

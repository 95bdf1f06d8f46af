import { PaneletError } from '#common/errors.js';
import { Frame, type Frames } from '#proto/session/v1/session.js';
import type { AckUrgency, Endpoint, EndpointState, InputItem } from './endpoint.js';
import { checkEndpointState } from './endpoint-state.js';
import { defaultLimits, type SessionLimits } from './limits.js';
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
  return assemble(replay, window, { creditReceived: state.creditReceived, windowBytes: limits.windowBytes });
}

/** What the peer was told last on this attachment. */
interface Told {
  ack: number;
  receivedDataBytes: number;
}

function assemble(
  replay: ReplayBuffer,
  window: ReceiveWindow,
  start: { readonly creditReceived: number; readonly windowBytes: number },
): Endpoint {
  const { windowBytes } = start;
  let creditReceived = start.creditReceived;
  let sendSeq: number | undefined;
  let told: Told | undefined;
  let frozen = false;

  const creditDue = (): number =>
    frozen ? window.creditGiven : Math.max(window.creditGiven, window.consumedDataBytes + windowBytes);
  const envelope = (frames: Frame[]): Frames => {
    window.creditGiven = creditDue();
    told = { ack: window.ack, receivedDataBytes: window.receivedDataBytes };
    return { ack: window.ack, credit: window.creditGiven, frames };
  };
  const hasNews = (): boolean => told === undefined || window.ack > told.ack || creditDue() > window.creditGiven;
  const isUrgent = (): boolean =>
    told === undefined ||
    (window.ack > told.ack && (frozen || window.finReceived)) ||
    4 * (window.receivedDataBytes - told.receivedDataBytes) >= windowBytes ||
    4 * (creditDue() - window.creditGiven) >= windowBytes;

  return {
    get cursors() {
      return { nextRx: window.next, txBase: replay.base, txNext: replay.next };
    },
    get totals() {
      return {
        receivedDataBytes: window.receivedDataBytes,
        trimmedDataBytes: replay.trimmedDataBytes,
        sentDataBytes: replay.dataBytes,
        finReceived: window.finReceived,
        finSent: replay.finWritten,
      };
    },
    get lastDataSeq() {
      return replay.lastDataSeq;
    },
    get duplicates() {
      return window.duplicates;
    },
    writeData: (channel, bytes) => {
      replay.appendData(channel, bytes);
      return !replay.isFull;
    },
    writeEvent: (event) => replay.appendEvent(event),
    writeFin: () => replay.appendFin(),
    canWrite: () => !replay.isFull,
    attach: (peerNextRx) => {
      if (peerNextRx < replay.base || peerNextRx > replay.next) {
        throw new PaneletError(
          'FRAME_INVALID',
          `The peer expects frame ${peerNextRx}; ${replay.base} to ${replay.next} can be sent.`,
        );
      }
      sendSeq = peerNextRx;
      replay.sentSeq = Math.max(replay.sentSeq, peerNextRx - 1);
      told = undefined;
    },
    detach: () => {
      sendSeq = undefined;
    },
    pull: (ackNow) => {
      if (sendSeq === undefined) return undefined;
      const frames = replay.batch(sendSeq, creditReceived);
      if (frames.length === 0 && !(ackNow && hasNews())) return undefined;
      sendSeq += frames.length;
      return envelope(frames);
    },
    wrap: (frames) => envelope([...frames]),
    ackUrgency: (): AckUrgency => {
      if (sendSeq === undefined || !hasNews()) return 'none';
      return isUrgent() ? 'now' : 'soon';
    },
    receive: (message) => {
      if (message.ack > replay.sentSeq) {
        throw new PaneletError(
          'FRAME_INVALID',
          `Frame ${message.ack} is acknowledged; the last one sent is ${replay.sentSeq}.`,
        );
      }
      const inspected = window.inspect(message.frames);
      window.accept(inspected);
      replay.trim(message.ack);
      if (sendSeq !== undefined) sendSeq = Math.max(sendSeq, replay.base);
      creditReceived = Math.max(creditReceived, message.credit);
      return inspected.unnumbered;
    },
    skipInput: (nextRx, dataBytes) => window.skipTo(nextRx, dataBytes),
    read: () => window.read(),
    unreadCount: () => window.unreadCount,
    unackedCount: () => replay.next - replay.base,
    unackedBytes: () => replay.dataBytes - replay.trimmedDataBytes,
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
    },
    save: () => ({
      cursors: { nextRx: window.next, txBase: replay.base, txNext: replay.next },
      unacked: replay.frames().map(encodeFrame),
      unread: window.unread().map(frameOf).map(encodeFrame),
      sentDataBytes: replay.dataBytes,
      creditReceived,
      receivedDataBytes: window.receivedDataBytes,
      consumedDataBytes: window.consumedDataBytes,
      creditGiven: window.creditGiven,
      finSent: replay.finWritten,
      finReceived: window.finReceived,
    }),
  };
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

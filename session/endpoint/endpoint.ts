import type { Channel, Event, Frame, Frames } from '#proto/session/v1/session.js';

/**
 * Input as its consumer sees it: one numbered frame, or several small data frames of one channel that waited together,
 * in which case `seq` is that of the last.
 */
export type InputItem =
  | { readonly kind: 'data'; readonly seq: number; readonly channel: Channel; readonly payload: Uint8Array }
  | { readonly kind: 'event'; readonly seq: number; readonly event: Event }
  | { readonly kind: 'fin'; readonly seq: number };

/** Cursors of one end, as Hello and Welcome carry them. */
export interface Cursors {
  /** Next sequence number expected from the peer. */
  readonly nextRx: number;
  /** Lowest sequence number held for replay. */
  readonly txBase: number;
  /** Sequence number of the next new frame. */
  readonly txNext: number;
}

/** How soon the peer should hear an acknowledgement when nothing else is sent (rule R5). */
export type AckUrgency = 'none' | 'soon' | 'now';

/** Totals of one end; what a Welcome tells a client that holds no state, and what a list of sessions shows. */
export interface EndpointTotals {
  /** Data bytes of all frames ever received. */
  readonly receivedDataBytes: number;
  /** Data bytes of all frames before `txBase`. */
  readonly trimmedDataBytes: number;
  /** Data bytes of all frames ever numbered here. */
  readonly sentDataBytes: number;
  /** True once fin was received. */
  readonly finReceived: boolean;
  /** True once fin was written. */
  readonly finSent: boolean;
}

/** Everything an endpoint must remember to continue in another process. Plain data. */
export interface EndpointState {
  readonly cursors: Cursors;
  /** Frames that the peer has not acknowledged, in order, encoded as Frame messages. */
  readonly unacked: readonly Uint8Array[];
  /** Numbered frames received and not consumed yet, in order, encoded as Frame messages. */
  readonly unread: readonly Uint8Array[];
  /** Data bytes of all frames ever numbered here. */
  readonly sentDataBytes: number;
  /** Credit the peer gave, absolute. */
  readonly creditReceived: number;
  /** Data bytes of all frames ever received. */
  readonly receivedDataBytes: number;
  /** Data bytes of all frames ever consumed. */
  readonly consumedDataBytes: number;
  /** Credit given to the peer, absolute. */
  readonly creditGiven: number;
  /** True once fin was written. */
  readonly finSent: boolean;
  /** True once fin was received. */
  readonly finReceived: boolean;
}

/**
 * One end of a session within one incarnation: numbers and keeps outgoing frames until they are acknowledged, drops
 * duplicates and refuses gaps in incoming ones, gives and obeys credit, and replays after a cut. Pure and synchronous:
 * it knows no time and no transport. Rules R1–R5, R10 of docs/reference/session-protocol.md.
 */
export interface Endpoint {
  readonly cursors: Cursors;
  readonly totals: EndpointTotals;
  /** Sequence number of the last data frame numbered here: a snapshot can cover no more, since events must arrive. */
  readonly lastDataSeq: number;

  /**
   * Numbers the bytes as data frames of at most `maxDataBytes`, copying them.
   * @returns false when the replay buffer is full: all was taken, but the writer should pause until `canWrite`.
   * @throws OPERATION_REFUSED after `writeFin`.
   */
  writeData(channel: Channel, bytes: Uint8Array): boolean;
  /**
   * Numbers an event.
   * @throws LIMIT_EXCEEDED above `maxUnackedEvents` or `maxEventBytes`; OPERATION_REFUSED after `writeFin`.
   */
  writeEvent(event: Event): void;
  /** Numbers the end of this direction. Idempotent. */
  writeFin(): void;
  /** True while the replay buffer is below its limit. */
  canWrite(): boolean;

  /** A transport is there: transmission (re)starts at `peerNextRx`. @throws FRAME_INVALID outside txBase..txNext. */
  attach(peerNextRx: number): void;
  /** The transport is gone. What was sent and not acknowledged stays. */
  detach(): void;
  /**
   * The next message for the transport, at most about `coalesceBytes`, with the current ack and credit; undefined when
   * nothing is to be sent. Call until undefined, or until the transport pushes back. `ackNow` makes a message even if
   * only ack or credit changed.
   */
  pull(ackNow: boolean): Frames | undefined;
  /**
   * A message of frames that are not numbered (welcome, drain, detach, pong …), with the current ack and credit. Works
   * detached too, for a hello.
   */
  wrap(frames: readonly Frame[]): Frames;
  /**
   * As `wrap`, for a message that the peer may never take, such as the Hello of an attachment beside this one: its ack and
   * credit are said again over this one.
   */
  announce(frames: readonly Frame[]): Frames;
  /** How soon an acknowledgement should go out if `pull(false)` gives nothing. */
  ackUrgency(): AckUrgency;

  /**
   * Takes a message of the peer: trims by ack, takes credit, queues numbered frames for `read`.
   * @returns the frames that are not numbered, in order, for the caller to act on.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED; the state is then as before the call.
   */
  receive(message: Frames): readonly Frame[];
  /** Another peer has taken the place of the one before, which may have given more: from now on this credit counts. */
  replaceCredit(credit: number): void;
  /**
   * A snapshot or a reset covers the peer's frames below `nextRx`: they will not come, and those waiting for `read` are
   * dropped. Does nothing when more than that was received already. `dataBytes` is the total of their data bytes.
   */
  skipInput(nextRx: number, dataBytes: number): void;
  /** Takes the next input for consumption; its bytes count as consumed, which is what extends credit. */
  read(): InputItem | undefined;
  /** Number of inputs waiting for `read`; small data frames that follow each other wait, and are read, as one. */
  unreadCount(): number;
  /** Number of frames not acknowledged by the peer. */
  unackedCount(): number;
  /** Data bytes not acknowledged by the peer. */
  unackedBytes(): number;

  /** Gives no more credit until `thaw`; what is in is acknowledged at once. */
  freeze(): void;
  /** Gives credit again. */
  thaw(): void;
  /** Frames dropped as duplicates so far. */
  readonly duplicates: number;

  /**
   * Everything needed to continue elsewhere; consistent at any moment between calls. Sending what is numbered may go on
   * after it; receiving may not.
   */
  save(): EndpointState;
}

import type { Drain, Frame, Frames, Hello } from '#proto/session/v1/session.js';
import type { Admitted, SessionView } from './admission.js';
import type { Endpoint, EndpointState } from './endpoint.js';
import type { SessionLimits } from './limits.js';
import type { LossReason } from './welcome.js';

/** What stays the same over all lives of a session; what its record on disk says. */
export interface SessionIdentity {
  readonly sessionId: string;
  readonly panel: string;
  readonly owner: string;
  /** Random key of its resume tokens, `tokenKeyBytes` long. */
  readonly tokenKey: Uint8Array;
}

/** What a worker link must remember to continue in another process. Plain data. */
export interface WorkerLinkState {
  readonly incarnation: number;
  readonly numberedSince: number;
  readonly attachEpoch: number;
  readonly confirmedEpoch: number;
  readonly attachNonce: string;
  readonly clientId: string;
  readonly endpoint: EndpointState;
}

/** How the worker side answers. */
export interface WorkerLinkOptions {
  readonly identity: SessionIdentity;
  /** How long the session is kept after a detach, in milliseconds. */
  readonly resumeTtlMs: number;
  /** Name of the node, for the Welcome. @default '' */
  readonly node?: string;
  /** @default defaultLimits */
  readonly limits?: SessionLimits;
}

/** An attachment that `decideAttach` let in. */
export interface AttachRequest {
  /** Names the RPC; unique in this process. */
  readonly attachment: string;
  readonly decision: Admitted;
  readonly hello: Hello;
  /** The envelope of the Hello: its ack and credit. */
  readonly message: Frames;
  /**
   * Picture of the panel as of now, asked for only when the client is behind the replay buffer. Undefined: a Reset says
   * what is missing.
   */
  readonly snapshot?: () => { readonly contentType: string; readonly bytes: Uint8Array } | undefined;
  /** Words of the Resets after a crash. */
  readonly loss?: LossReason;
}

/** The worker's half of a session: who is attached, in which epoch, and the endpoint. Pure: no time, no transport. */
export interface WorkerLink {
  readonly identity: SessionIdentity;
  readonly endpoint: Endpoint;
  readonly incarnation: number;
  readonly attachEpoch: number;
  /** The attachment whose messages are taken; undefined when detached. */
  readonly attachment: string | undefined;
  /** What `decideAttach` needs to know of this live session. */
  view(): SessionView;
  /**
   * Makes the attachment the current one. The one that `decision.fence` names has to be ended by the caller, after
   * `detachMessage`; its messages are not taken any more.
   * @returns the messages to send first, in order: Welcome, Resets, Snapshot chunks.
   * @throws FRAME_INVALID and the like when the hello's envelope contradicts the session; nothing has changed then.
   */
  attach(request: AttachRequest): readonly Frames[];
  /**
   * Takes a message of an attachment.
   * @returns undefined when the attachment is not the current one: drop the message and end the RPC. Otherwise the
   * frames that are not numbered, pings already answered in `reply`.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED: refuse the RPC with it; the state is as before.
   */
  receive(attachment: string, message: Frames): ReceivedFrames | undefined;
  /** The next message for an attachment; undefined when there is none or the attachment is not the current one. */
  pull(attachment: string, ackNow: boolean): Frames | undefined;
  /** A Drain frame as a message, with the current ack and credit. */
  drainMessage(drain: Drain): Frames;
  /** The attachment has ended, for whatever reason. Does nothing unless it is the current one. */
  detach(attachment: string): void;
  /** Everything needed to continue elsewhere; consistent at any moment between calls. */
  save(): WorkerLinkState;
}

/** What a message of the current attachment held besides numbered frames. */
export interface ReceivedFrames {
  /** Send this, if it is there: answers to pings. */
  readonly reply: Frames | undefined;
  /** True when the client leaves: end the RPC with OK. */
  readonly leaves: boolean;
  /** Everything else that is not numbered. */
  readonly frames: readonly Frame[];
}

/** The worker side of a session that is new (incarnation 1), or fresh in a new incarnation after a crash. */
export function createWorkerLink(options: WorkerLinkOptions, incarnation: number): WorkerLink {
  throw new Error('unfinished', { cause: { options, incarnation } });
}

/**
 * The worker side of a session from a sealed checkpoint, detached, in the incarnation that was claimed for it.
 * @throws CHECKPOINT_UNREADABLE when the state contradicts itself.
 */
export function restoreWorkerLink(options: WorkerLinkOptions, state: WorkerLinkState, incarnation: number): WorkerLink {
  throw new Error('unfinished', { cause: { options, state, incarnation } });
}

import type { ErrorCode } from '#common/errors.js';
import type { AttachMode, DetachReason, Drain, Frames, ResumeOutcome } from '#proto/session/v1/session.js';
import type { Endpoint, InputItem } from './endpoint.js';
import type { SessionLimits } from './limits.js';

/** A range of sequence numbers, ends included; `through` is undefined when nobody knows. */
export interface LostRange {
  readonly from: number;
  readonly through: number | undefined;
}

/** What is lost, in the numbers of `incarnation`. */
export interface Loss {
  /** Incarnation whose numbers these are. */
  readonly incarnation: number;
  /** Frames written here whose effect is gone or unknown. */
  readonly input: LostRange | undefined;
  /** Frames of the worker that will not come. */
  readonly output: LostRange | undefined;
  /** Upper-case reason, for example "WORKER_CRASHED". */
  readonly code: string;
  /** For a person. */
  readonly message: string;
}

/** Something the owner of a link has to act on, in order. */
export type ClientEffect =
  /**
   * Let in. Use `link.endpoint` anew: it may be another one. `leftover` is what was received in the earlier life and
   * not read; it comes before everything else. `reset` is true when numbering started again.
   */
  | {
      readonly kind: 'welcomed';
      readonly outcome: ResumeOutcome;
      readonly incarnation: number;
      readonly attachEpoch: number;
      readonly node: string;
      readonly resumeToken: Uint8Array;
      readonly resumeTtlMs: number;
      readonly reset: boolean;
      readonly leftover: readonly InputItem[];
    }
  /** Something is lost. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** State that replaces the output up to `throughSeq`; output still unread below it is dropped. */
  | {
      readonly kind: 'snapshot';
      readonly throughSeq: number;
      readonly contentType: string;
      readonly bytes: Uint8Array;
    }
  /** Progress of a drain; a phase is reported once per generation. */
  | { readonly kind: 'drain'; readonly drain: Drain }
  /** The worker ends this attachment. `ended` tells what follows when the RPC has ended. */
  | { readonly kind: 'detach'; readonly reason: DetachReason; readonly message: string }
  /** Send this now. */
  | { readonly kind: 'send'; readonly message: Frames }
  /** The answer to a ping of ours. */
  | { readonly kind: 'pong'; readonly nonce: number };

/** How an attachment's RPC ended. */
export type AttachmentEnd =
  /** Status OK. */
  | { readonly kind: 'ok' }
  /** The connection broke, or a cancel that was not ours. */
  | { readonly kind: 'transport' }
  /** An error status with its reason. */
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    };

/** What to do after an attachment has ended. */
export type ClientNext =
  /** Attach again after `afterMs`, or after the owner's backoff if that is longer and `backoff` is set. */
  | { readonly kind: 'reattach'; readonly afterMs: number; readonly backoff: boolean; readonly node: string }
  /** Another client holds the session: stop, never fight back. */
  | { readonly kind: 'superseded'; readonly message: string }
  /** The session is over. */
  | { readonly kind: 'ended'; readonly code: ErrorCode | undefined; readonly message: string }
  /** It never began, or cannot go on. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** What a client wants. */
export interface ClientLinkOptions {
  readonly panel: string;
  /** A UUID. */
  readonly sessionId: string;
  /** Stable for one SDK instance. */
  readonly clientId: string;
  readonly mode: AttachMode;
  /** Parameters of the panel. @default none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Ask to take the session over from another client. @default false */
  readonly takeover?: boolean;
  /** Token to begin with, when resuming a session of an earlier process. @default none */
  readonly resumeToken?: Uint8Array;
  /** @default defaultLimits */
  readonly limits?: SessionLimits;
}

/** The client's half of a session, over all its attachments. Pure: no time, no transport. */
export interface ClientLink {
  readonly sessionId: string;
  /** Write here, read here, pull from here. Replaced by `receive` of a Welcome: take it anew each time. */
  readonly endpoint: Endpoint;
  /** Incarnation of the last Welcome; 0 before. */
  readonly incarnation: number;
  /** Token of the last Welcome; empty before. */
  readonly resumeToken: Uint8Array;
  /** True between a Welcome and `ended`. */
  readonly attached: boolean;
  /** Begins an attachment: its first message. `nonce` is new for every attempt. */
  hello(nonce: string): Frames;
  /**
   * Takes a message of the current attachment. Pull after it: the first message after a Welcome confirms the attachment.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED, VERSION_UNSUPPORTED: end the attachment, then call `ended`.
   */
  receive(message: Frames): readonly ClientEffect[];
  /** A message that leaves this attachment; the session is kept. */
  leave(): Frames;
  /** A message that asks the worker for a pong. */
  ping(nonce: number): Frames;
  /** The attachment's RPC has ended; tells what follows. */
  ended(end: AttachmentEnd): ClientNext;
}

/** A client that has not attached yet. */
export function createClientLink(options: ClientLinkOptions): ClientLink {
  throw new Error('unfinished', { cause: options });
}

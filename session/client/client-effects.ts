import type { ErrorCode } from '#common/errors/errors.js';
import type { DetachReason, Drain, EndCause, Frames, Move, ResumeOutcome } from '#proto/session/v1/session.js';
import type { InputItem } from '../endpoint/endpoint.js';

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
      /** True when an attachment of this client was there until now, so that nothing has waited. */
      readonly moved: boolean;
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
  /** Wish to go on over another agent; told once per generation. */
  | { readonly kind: 'move'; readonly move: Move }
  /**
   * The worker ends this attachment. `ended` tells what follows when the RPC has ended. `attachNonce` names the one that
   * superseded it, where the worker says so.
   */
  | {
      readonly kind: 'detach';
      readonly reason: DetachReason;
      readonly message: string;
      readonly attachNonce: string;
    }
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
  /** The session is over. Without a code the worker has said so, and why. */
  | {
      readonly kind: 'ended';
      readonly code: ErrorCode | undefined;
      readonly message: string;
      readonly endCause?: EndCause;
    }
  /** It never began, or cannot go on. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

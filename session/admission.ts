import type { ErrorCode } from '#common/errors.js';
import type { Hello } from '#proto/session/v1/session.js';
import type { Cursors } from './endpoint.js';
import type { TokenCheck } from './resume-token.js';

/** Where a session is when a Hello arrives. */
export type SessionLife =
  /** In this process. */
  | { readonly kind: 'live'; readonly cursors: Cursors; readonly attachment: string | undefined }
  /** In a sealed checkpoint that nobody has used. */
  | { readonly kind: 'sealed'; readonly cursors: Cursors }
  /** Nowhere: its worker crashed. */
  | { readonly kind: 'crashed'; readonly afterCrash: 'fresh' | 'end' }
  /** Over, for the reason given to people. */
  | { readonly kind: 'ended'; readonly message: string };

/** What a worker knows of a session when a Hello for it arrives. */
export interface SessionView {
  readonly panel: string;
  /** Identity it belongs to. */
  readonly owner: string;
  /** Client that attached last; empty when not known (after a crash): then any client with a valid token may come. */
  readonly clientId: string;
  /** Last incarnation that was claimed. */
  readonly incarnation: number;
  /** The incarnation in which numbering last started at 1; later ones up to `incarnation` continued its cursors. */
  readonly numberedSince: number;
  /** Epoch of the last Welcome; 0 when not known (after a crash). */
  readonly attachEpoch: number;
  /** Highest epoch whose Welcome has certainly reached its client; 0 when not known. */
  readonly confirmedEpoch: number;
  /** Nonce of the last Hello that was let in; empty when not known. */
  readonly attachNonce: string;
  readonly life: SessionLife;
}

/** Who sent a Hello, as the agent verified it. */
export interface Caller {
  readonly identity: string;
  /** `client` may attach to own sessions, `admin` to all. */
  readonly roles: readonly string[];
  /** Worth of the Hello's resume token (verifyResumeToken), `absent` when there is no session. */
  readonly token: TokenCheck;
}

/** What the worker's gate allows now. */
export interface AdmissionGate {
  /** False from CORDONED on: no new session (I9). */
  readonly admitsNew: boolean;
  /** False from RELEASED on: nothing is accepted any more, own sessions are asked to come back later. */
  readonly admitsAttach: boolean;
}

/** Where output starts on an attachment. */
export type OutputStart =
  /** Retransmission from this sequence number. */
  | { readonly kind: 'replay'; readonly seq: number }
  /** The client is behind the replay buffer: a snapshot covers the output so far, else a reset says this range. */
  | { readonly kind: 'behind'; readonly from: number; readonly through: number };

/** What to do with a Hello. */
export type AttachDecision =
  /** Make a new session, incarnation 1. */
  | { readonly kind: 'open'; readonly outcome: 'NEW'; readonly attachEpoch: number; readonly version: number }
  /** Bring the session back first: from its sealed checkpoint (EXACT), or fresh after a crash (ROLLED_BACK). */
  | {
      readonly kind: 'restore';
      readonly from: 'sealed' | 'nothing';
      readonly outcome: 'EXACT' | 'ROLLED_BACK';
      readonly incarnation: number;
      readonly attachEpoch: number;
      readonly version: number;
      readonly output: OutputStart;
    }
  /** Attach to the session in memory. `replace-rpc` keeps the epoch. `fence` is the attachment that has to end. */
  | {
      readonly kind: 'resume' | 'replace-rpc';
      readonly outcome: 'EXACT' | 'ROLLED_BACK';
      readonly attachEpoch: number;
      readonly version: number;
      readonly fence: string | undefined;
      readonly output: OutputStart;
    }
  /** Answer with an error. Nothing is touched. */
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly message: string };

/** A decision that lets the client in. */
export type Admitted = Exclude<AttachDecision, { readonly kind: 'refuse' }>;

/** Decides what a Hello gets. Pure; verifies before anything is touched (I12). */
export function decideAttach(
  view: SessionView | undefined,
  hello: Hello,
  caller: Caller,
  gate: AdmissionGate,
): AttachDecision {
  throw new Error('unfinished', { cause: { view, hello, caller, gate } });
}

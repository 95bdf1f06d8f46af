import type { ErrorCode } from '#common/errors/errors.js';
import { AttachMode, type Hello } from '#proto/session/v1/session.js';
import type { Cursors } from '../endpoint/endpoint.js';
import { protocolVersion } from '../codec/limits.js';
import type { TokenCheck } from './resume-token.js';

/** An attempt of a client to attach. */
export interface AttachAttempt {
  readonly clientId: string;
  readonly nonce: string;
}

/** Attempts that a worker remembers of a session, the last one included. */
export const rememberedAttempts = 8;

/** What is known of a session whose state is there. */
export interface SessionState {
  readonly cursors: Cursors;
  /** Attempts that were let in before the last one, the latest at the end. */
  readonly earlierAttempts: readonly AttachAttempt[];
  /**
   * First frame of the output for which the client that attached last has been there, over all its attachments: what is
   * trimmed from here on, it has acknowledged itself.
   */
  readonly heldFromSeq: number;
}

/** Where a session is when a Hello arrives. */
export type SessionLife =
  /** In this process. */
  | (SessionState & { readonly kind: 'live'; readonly attachment: string | undefined })
  /** In a sealed checkpoint that nobody has used. */
  | (SessionState & { readonly kind: 'sealed' })
  /** Nowhere: its worker crashed. */
  | { readonly kind: 'crashed'; readonly afterCrash: 'fresh' | 'end' }
  /** In another process of this node. */
  | { readonly kind: 'elsewhere' }
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
export interface VerifiedCaller {
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
  /**
   * False from CHECKPOINTED on: an attachment would raise the epoch behind the sealed checkpoint's back. Own sessions are
   * asked to come back in a moment.
   */
  readonly admitsAttach: boolean;
}

/** Where output starts on an attachment. */
export type OutputStart =
  /** Retransmission from this sequence number. */
  | { readonly kind: 'replay'; readonly seq: number }
  /** The client is behind the replay buffer: a snapshot covers the output so far, else a reset says this range. */
  | { readonly kind: 'behind'; readonly from: number; readonly through: number };

/** What every decision that lets a client in says. */
export interface AdmittedFacts {
  /** Protocol version chosen. */
  readonly version: number;
  /** Incarnation of the Welcome. */
  readonly incarnation: number;
  /** Epoch of the Welcome. */
  readonly attachEpoch: number;
  /** Highest epoch whose Welcome has certainly reached its client: that of the token it showed. */
  readonly confirmedEpoch: number;
}

/** Make a new session, incarnation 1. */
export interface OpenDecision extends AdmittedFacts {
  readonly kind: 'open';
  readonly outcome: 'NEW';
}

/**
 * Bring the session back first, in the new `incarnation` that has to be claimed: from its sealed checkpoint (EXACT), or
 * fresh after a crash (ROLLED_BACK).
 */
export interface RestoreDecision extends AdmittedFacts {
  readonly kind: 'restore';
  readonly from: 'sealed' | 'nothing';
  readonly outcome: 'EXACT' | 'ROLLED_BACK';
  readonly output: OutputStart;
}

/** Attach to the session in memory; `replace-rpc` keeps the epoch. */
export interface ResumeDecision extends AdmittedFacts {
  readonly kind: 'resume' | 'replace-rpc';
  readonly outcome: 'EXACT' | 'ROLLED_BACK';
  /** The attachment that has to end. */
  readonly fence: string | undefined;
  readonly output: OutputStart;
}

/** Answer with an error. Nothing is touched. */
export interface RefuseDecision {
  readonly kind: 'refuse';
  readonly code: ErrorCode;
  readonly message: string;
}

/** A decision that lets the client in. */
export type Admitted = OpenDecision | RestoreDecision | ResumeDecision;

/** What to do with a Hello. */
export type AttachDecision = Admitted | RefuseDecision;

/** Epochs of an incarnation start here, so that they rise over a crash though nobody wrote them down. */
const epochsPerIncarnation = 2 ** 32;

/**
 * Decides what a Hello gets. Pure; everything is verified before anything is touched (I12, I18). Rules R6, R6a, R7, R7a,
 * R11, R12 of docs/reference/session-protocol.md.
 */
export function decideAttach(
  view: SessionView | undefined,
  hello: Hello,
  caller: VerifiedCaller,
  gate: AdmissionGate,
): AttachDecision {
  const version = hello.versions.find((offered) => offered === protocolVersion);
  if (version === undefined) {
    return refuse('VERSION_UNSUPPORTED', `This worker speaks version ${protocolVersion} of the protocol only.`);
  }
  const flaw = flawOf(hello);
  if (flaw !== undefined) return refuse('FRAME_INVALID', flaw);
  if (!caller.roles.some((role) => role === 'client' || role === 'admin')) {
    return refuse('IDENTITY_REFUSED', 'This identity may not attach to sessions. It needs the role client.');
  }
  if (!gate.admitsAttach) {
    return refuse('WORKER_UNAVAILABLE', 'The worker is handing its sessions over. Attach again in a moment.');
  }
  if (view === undefined) return decideUnknown(hello, gate, version);
  const right = rightTo(view, hello, caller);
  if ('kind' in right) return right;
  return decideKnown(view, hello, { version, ...right });
}

function decideUnknown(hello: Hello, gate: AdmissionGate, version: number): AttachDecision {
  if (hello.mode === AttachMode.RESUME) return unknownSession;
  if (!gate.admitsNew) {
    return refuse('CORDONED', 'A restart is coming: no new sessions here for now. Try again, or on another node.');
  }
  return { kind: 'open', outcome: 'NEW', version, incarnation: 1, attachEpoch: 1, confirmedEpoch: 0 };
}

/** Proof that the caller may attach. */
interface Right {
  /** Epoch of the token shown; 0 for none. */
  readonly tokenEpoch: number;
}

function rightTo(view: SessionView, hello: Hello, caller: VerifiedCaller): Right | RefuseDecision {
  const mayTouch = caller.identity === view.owner || caller.roles.includes('admin');
  if (!mayTouch || hello.panel !== view.panel) return unknownSession;
  switch (caller.token.kind) {
    case 'invalid':
      return unknownSession;
    case 'absent':
      return rightWithoutToken(view, hello);
    case 'valid':
      return rightWithToken(view, hello, caller.token.epoch);
  }
}

// A client that opens twice has not heard the first Welcome, so nobody has a token yet. Later, it is an old Hello.
function rightWithoutToken(view: SessionView, hello: Hello): Right | RefuseDecision {
  if (hello.mode === AttachMode.RESUME) return unknownSession;
  if (hello.clientId !== view.clientId || hello.incarnation !== 0) {
    return refuse('SESSION_WRONG_MODE', 'A session of this id exists already. Resume it with its token.');
  }
  return view.confirmedEpoch === 0 ? { tokenEpoch: 0 } : fenced;
}

function rightWithToken(view: SessionView, hello: Hello, tokenEpoch: number): Right | RefuseDecision {
  const isEpochKnown = view.attachEpoch > 0;
  if (isEpochKnown && tokenEpoch < view.confirmedEpoch) return fenced;
  if (isEpochKnown && tokenEpoch > view.attachEpoch) return lost;
  const isSameClient = view.clientId === '' || view.clientId === hello.clientId;
  if (!isSameClient && hello.mode === AttachMode.OPEN) {
    return refuse('SESSION_WRONG_MODE', 'A session of this id exists already. Resume it.');
  }
  if (!isSameClient && !hello.takeover) {
    return refuse('ATTACH_SUPERSEDED', 'Another client holds this session. Ask for a takeover to get it.');
  }
  return { tokenEpoch };
}

function decideKnown(view: SessionView, hello: Hello, proven: Right & { readonly version: number }): AttachDecision {
  const { life } = view;
  if (life.kind === 'ended') return refuse('SESSION_ENDED', life.message);
  if (life.kind === 'elsewhere') {
    return refuse('WORKER_UNAVAILABLE', 'Another worker of this node has the session. Attach again in a moment.');
  }
  if (hello.incarnation > view.incarnation) return lost;
  if (isEarlierAttempt(life, hello)) return fenced;
  const facts = {
    version: proven.version,
    confirmedEpoch: Math.max(view.confirmedEpoch, proven.tokenEpoch),
  };
  const lastEpoch = Math.max(view.attachEpoch, proven.tokenEpoch);
  if (life.kind === 'live') return decideLive(view, life, hello, { ...facts, lastEpoch });

  const incarnation = view.incarnation + 1;
  const attachEpoch = Math.max(lastEpoch, (incarnation - 1) * epochsPerIncarnation) + 1;
  const restore = { kind: 'restore', ...facts, incarnation, attachEpoch } as const;
  if (life.kind === 'sealed') {
    const continued = continueFrom(view, life, hello);
    return 'kind' in continued ? continued : { ...restore, from: 'sealed', ...continued };
  }
  if (life.afterCrash === 'end') {
    return refuse(
      'SESSION_ENDED',
      'The worker of this session crashed or was stopped, and what it ran ended with it. Open a new one.',
    );
  }
  return { ...restore, from: 'nothing', outcome: 'ROLLED_BACK', output: { kind: 'replay', seq: 1 } };
}

function decideLive(
  view: SessionView,
  life: Extract<SessionLife, { readonly kind: 'live' }>,
  hello: Hello,
  facts: { readonly version: number; readonly confirmedEpoch: number; readonly lastEpoch: number },
): AttachDecision {
  const { version, confirmedEpoch, lastEpoch } = facts;
  const isRepeated = hello.attachNonce === view.attachNonce && hello.clientId === view.clientId;
  if (isRepeated && view.confirmedEpoch >= view.attachEpoch) return fenced;
  const continued = continueFrom(view, life, hello);
  if ('kind' in continued) return continued;
  return {
    kind: isRepeated ? 'replace-rpc' : 'resume',
    version,
    confirmedEpoch,
    incarnation: view.incarnation,
    attachEpoch: isRepeated ? view.attachEpoch : lastEpoch + 1,
    fence: life.attachment,
    ...continued,
  };
}

// An agent that was slow, or asked twice, may bring a Hello after a later one was let in.
function isEarlierAttempt(life: SessionLife, hello: Hello): boolean {
  const earlier = 'earlierAttempts' in life ? life.earlierAttempts : [];
  return earlier.some(({ clientId, nonce }) => nonce === hello.attachNonce && clientId === hello.clientId);
}

interface Continued {
  readonly outcome: 'EXACT' | 'ROLLED_BACK';
  readonly output: OutputStart;
}

/** How the cursors of both ends fit together. */
function continueFrom(view: SessionView, state: SessionState, hello: Hello): Continued | RefuseDecision {
  const { cursors } = state;
  // A client without state counts from the Welcome.
  if (hello.incarnation === 0) return { outcome: 'EXACT', output: outputFrom(1, cursors) };
  // Its numbers are those of a life that is gone.
  if (hello.incarnation < view.numberedSince) return { outcome: 'ROLLED_BACK', output: outputFrom(1, cursors) };
  // Its attachment before may have gone on since it said this; it judges the Welcome itself.
  const mayHaveGoneOn = hello.moves && hello.clientId === view.clientId;
  const isPlausible =
    hello.nextRx <= cursors.txNext &&
    hello.txBase <= cursors.nextRx &&
    (mayHaveGoneOn || cursors.nextRx <= hello.txNext);
  if (!isPlausible) return lost;
  const hasAcknowledged = mayHaveGoneOn && hello.nextRx >= state.heldFromSeq;
  return {
    outcome: 'EXACT',
    output: outputFrom(hasAcknowledged ? Math.max(hello.nextRx, cursors.txBase) : hello.nextRx, cursors),
  };
}

function outputFrom(nextRx: number, cursors: Cursors): OutputStart {
  if (nextRx >= cursors.txBase) return { kind: 'replay', seq: nextRx };
  return { kind: 'behind', from: nextRx, through: cursors.txBase - 1 };
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const maxIdChars = 128;

function flawOf(hello: Hello): string | undefined {
  if (!uuidPattern.test(hello.sessionId)) return 'The session id is not a UUID.';
  if (!isId(hello.clientId)) return 'The client id is missing or too long.';
  if (!isId(hello.attachNonce)) return 'The attach nonce is missing or too long.';
  if (!isId(hello.panel)) return 'The name of the panel is missing or too long.';
  if (![AttachMode.OPEN, AttachMode.RESUME, AttachMode.OPEN_OR_RESUME].includes(hello.mode)) {
    return 'The attach mode is missing. Use open, resume or open-or-resume.';
  }
  const hasCursors = hello.nextRx >= 1 && hello.txBase >= 1 && hello.txNext >= hello.txBase;
  return hasCursors ? undefined : 'The cursors contradict each other. They start at 1.';
}

function isId(text: string): boolean {
  return text.length > 0 && text.length <= maxIdChars;
}

function refuse(code: ErrorCode, message: string): RefuseDecision {
  return { kind: 'refuse', code, message };
}

// One answer for "there is none" and "it is not yours": a guess learns nothing.
const unknownSession = refuse('SESSION_UNKNOWN', 'There is no such session, or the token is not for it.');
const fenced = refuse('FENCED', 'This attempt is older than the attachment that holds the session.');
const lost = refuse(
  'SESSION_LOST',
  'The client remembers more than the worker: its state is older than what was acknowledged. Open a new session.',
);

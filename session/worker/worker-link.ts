import type { DetachReason, Drain, Frame, Frames, Hello } from '#proto/session/v1/session.js';
import {
  rememberedAttempts,
  type Admitted,
  type AttachAttempt,
  type OutputStart,
  type SessionView,
} from './admission.js';
import { detachMessage } from '../messages/detach-message.js';
import { createEndpoint, restoreEndpoint } from '../endpoint/create-endpoint.js';
import type { Endpoint, EndpointState } from '../endpoint/endpoint.js';
import { defaultLimits, type SessionLimits } from '../codec/limits.js';
import { mintResumeToken } from './resume-token.js';
import { maxSnapshotBytes, snapshotMessages, type Picture } from '../messages/snapshot-messages.js';
import { buildWelcome, lossResets } from './welcome.js';
import type { LossReason } from '../messages/crash-reason.js';

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
  /** The incarnation in which numbering last started at 1. */
  readonly numberedSince: number;
  readonly attachEpoch: number;
  readonly confirmedEpoch: number;
  readonly attachNonce: string;
  readonly clientId: string;
  /** Attempts that were let in before the last one, the latest at the end. */
  readonly earlierAttempts: readonly AttachAttempt[];
  /** First frame of the output for which the client that attached last has been there. */
  readonly heldFromSeq: number;
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
export interface LinkAttach {
  /** Names the RPC; unique in this process. */
  readonly attachment: string;
  readonly decision: Admitted;
  readonly hello: Hello;
  /** The message that held the Hello: its ack and credit. */
  readonly message: Frames;
  /**
   * Picture of the panel as of now, asked for only when the client is behind the replay buffer. Undefined: a Reset says
   * what is missing.
   */
  readonly snapshot?: () => Picture | undefined;
  /** Words of the Resets after a crash. @default crashReason */
  readonly loss?: LossReason;
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
   * @returns the messages to send first, in order: Welcome (with Resets in the same message), then Snapshot chunks.
   * @throws FRAME_INVALID and the like when the hello's envelope contradicts the session; nothing has changed then.
   */
  attach(request: LinkAttach): readonly Frames[];
  /**
   * Takes a message of an attachment.
   * @returns undefined when the attachment is not the current one: drop the message and end the RPC.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED: refuse the RPC with it; the state is as before.
   */
  receive(attachment: string, message: Frames): ReceivedFrames | undefined;
  /** The next message for an attachment; undefined when there is none or the attachment is not the current one. */
  pull(attachment: string, ackNow: boolean): Frames | undefined;
  /** A Drain frame as a message, with the current ack and credit. */
  drainMessage(drain: Drain): Frames;
  /** The message that ends an attachment and keeps the session. */
  detachMessage(reason: DetachReason, message: string): Frames;
  /** The attachment has ended, for whatever reason. Does nothing unless it is the current one. */
  detach(attachment: string): void;
  /** Goes on, as the same life with all its numbers, in a higher incarnation that was decided for it. */
  reincarnate(incarnation: number): void;
  /** Everything needed to continue elsewhere; consistent at any moment between calls. */
  save(): WorkerLinkState;
}

/** The worker side of a session that is new (incarnation 1), or fresh in a new incarnation after a crash. */
export function createWorkerLink(options: WorkerLinkOptions, incarnation: number): WorkerLink {
  const endpoint = createEndpoint({ limits: options.limits ?? defaultLimits });
  return new EndpointWorkerLink(options, endpoint, {
    incarnation,
    numberedSince: incarnation,
    attachEpoch: 0,
    confirmedEpoch: 0,
    attachNonce: '',
    clientId: '',
    earlierAttempts: [],
    heldFromSeq: 1,
  });
}

/**
 * The worker side of a session from a sealed checkpoint, detached, in the incarnation that was claimed for it.
 * @throws CHECKPOINT_UNREADABLE when the state contradicts itself.
 */
export function restoreWorkerLink(options: WorkerLinkOptions, state: WorkerLinkState, incarnation: number): WorkerLink {
  const { endpoint, ...holder } = state;
  const restored = restoreEndpoint(endpoint, { limits: options.limits ?? defaultLimits });
  return new EndpointWorkerLink(options, restored, { ...holder, incarnation });
}

type Holder = Omit<WorkerLinkState, 'endpoint'>;

class EndpointWorkerLink implements WorkerLink {
  readonly identity: SessionIdentity;
  readonly endpoint: Endpoint;
  readonly #options: WorkerLinkOptions;
  readonly #limits: SessionLimits;
  #holder: Holder;
  #attachment: string | undefined;

  constructor(options: WorkerLinkOptions, endpoint: Endpoint, start: Holder) {
    this.identity = options.identity;
    this.endpoint = endpoint;
    this.#options = options;
    this.#limits = options.limits ?? defaultLimits;
    this.#holder = start;
  }

  get incarnation(): number {
    return this.#holder.incarnation;
  }

  get attachEpoch(): number {
    return this.#holder.attachEpoch;
  }

  get attachment(): string | undefined {
    return this.#attachment;
  }

  view(): SessionView {
    const { earlierAttempts, heldFromSeq, ...holder } = this.#holder;
    const { cursors } = this.endpoint;
    return {
      panel: this.identity.panel,
      owner: this.identity.owner,
      ...holder,
      life: { kind: 'live', cursors, earlierAttempts, heldFromSeq, attachment: this.#attachment },
    };
  }

  attach(request: LinkAttach): readonly Frames[] {
    const { endpoint } = this;
    const { decision, hello, message } = request;
    endpoint.receive(helloEnvelope(decision, hello, message));
    if (isBlank(decision, hello)) endpoint.replaceCredit(message.credit);
    const output = decision.kind === 'open' ? fromStart : decision.output;
    const picture = output.kind === 'behind' ? pictureFor(request) : undefined;
    const { txBase } = endpoint.cursors;
    const throughSeq = Math.max(endpoint.lastDataSeq, txBase - 1);
    if (picture !== undefined) endpoint.attach(throughSeq + 1);
    else endpoint.attach(output.kind === 'behind' ? txBase : output.seq);
    this.#attachment = request.attachment;
    this.#holder = holderAfter(this.#holder, request, txBase);
    const first = endpoint.wrap(this.#welcomeFrames(request, picture !== undefined));
    if (picture === undefined) return [first];
    return [first, ...snapshotMessages(endpoint, picture, { throughSeq, limits: this.#limits })];
  }

  receive(attachment: string, message: Frames): ReceivedFrames | undefined {
    if (attachment !== this.#attachment) return undefined;
    const frames = this.endpoint.receive(message);
    // Whatever a client says after its Hello, it says because the Welcome has come.
    this.#holder = { ...this.#holder, confirmedEpoch: this.#holder.attachEpoch };
    return sortFrames(frames, this.endpoint);
  }

  pull(attachment: string, ackNow: boolean): Frames | undefined {
    return attachment === this.#attachment ? this.endpoint.pull(ackNow) : undefined;
  }

  drainMessage(drain: Drain): Frames {
    return this.endpoint.wrap([{ seq: 0, kind: { $case: 'drain', value: drain } }]);
  }

  detachMessage(reason: DetachReason, message: string): Frames {
    return detachMessage(this.endpoint, reason, message);
  }

  detach(attachment: string): void {
    if (attachment !== this.#attachment) return;
    this.#attachment = undefined;
    this.endpoint.detach();
  }

  reincarnate(incarnation: number): void {
    this.#holder = { ...this.#holder, incarnation };
  }

  save(): WorkerLinkState {
    return { ...this.#holder, endpoint: this.endpoint.save() };
  }

  #welcomeFrames({ decision, hello, loss }: LinkAttach, hasPicture: boolean): Frame[] {
    const { sessionId, tokenKey } = this.identity;
    const welcome = buildWelcome(decision, {
      sessionId,
      resumeToken: mintResumeToken(tokenKey, sessionId, decision.attachEpoch),
      resumeTtlMs: this.#options.resumeTtlMs,
      cursors: this.endpoint.cursors,
      totals: this.endpoint.totals,
      limits: this.#limits,
      node: this.#options.node ?? '',
    });
    // A picture stands for the output of this life, not for what an earlier one lost.
    const isCovered = hasPicture && decision.outcome === 'EXACT';
    const resets = isCovered ? [] : lossResets(hello, decision, loss);
    return [{ seq: 0, kind: { $case: 'welcome', value: welcome } }, ...resets];
  }
}

// A picture that no client would assemble is none.
function pictureFor(request: LinkAttach): Picture | undefined {
  const picture = request.snapshot?.();
  return picture !== undefined && picture.bytes.length <= maxSnapshotBytes ? picture : undefined;
}

function holderAfter(before: Holder, { decision, hello }: LinkAttach, txBase: number): Holder {
  const { clientId, attachNonce } = hello;
  const isSameClient = clientId === before.clientId;
  const isRepeated = isSameClient && attachNonce === before.attachNonce;
  const isFirst = before.attachNonce === '';
  const last = { clientId: before.clientId, nonce: before.attachNonce };
  const hasState = continuesLife(decision, hello);
  return {
    ...before,
    attachEpoch: decision.attachEpoch,
    confirmedEpoch: decision.confirmedEpoch,
    attachNonce,
    clientId,
    earlierAttempts:
      isRepeated || isFirst ? before.earlierAttempts : [...before.earlierAttempts, last].slice(1 - rememberedAttempts),
    heldFromSeq: isSameClient && hasState ? before.heldFromSeq : txBase,
  };
}

/** True where a client goes on in its own numbers. */
function continuesLife(decision: Admitted, hello: Hello): boolean {
  return decision.outcome === 'EXACT' && hello.incarnation > 0;
}

/** True for a client that has a token and no state: what the one before has given and received is not its. */
function isBlank(decision: Admitted, hello: Hello): boolean {
  return decision.outcome !== 'ROLLED_BACK' && hello.incarnation === 0;
}

const fromStart: OutputStart = { kind: 'replay', seq: 1 };

// The ack of another life means nothing here; neither does its credit. A client without state has received nothing.
function helloEnvelope(decision: Admitted, hello: Hello, message: Frames): Frames {
  const isSameLife = continuesLife(decision, hello);
  return {
    ack: isSameLife ? message.ack : 0,
    credit: isSameLife || isBlank(decision, hello) ? message.credit : 0,
    frames: [],
  };
}

function sortFrames(frames: readonly Frame[], endpoint: Endpoint): ReceivedFrames {
  const pongs: Frame[] = [];
  const rest: Frame[] = [];
  let leaves = false;
  for (const frame of frames) {
    if (frame.kind?.$case === 'ping') pongs.push({ seq: 0, kind: { $case: 'pong', value: frame.kind.value } });
    else if (frame.kind?.$case === 'detach') leaves = true;
    else rest.push(frame);
  }
  return { reply: pongs.length === 0 ? undefined : endpoint.wrap(pongs), leaves, frames: rest };
}

import { PaneletError } from '#common/errors/errors.js';
import { durationToMs } from '#common/time/duration.js';
import {
  AttachMode,
  DetachReason,
  Direction,
  DrainPhase,
  ResumeOutcome,
  type Detach,
  type Drain,
  type Frame,
  type Frames,
  type Hello,
  type Reset,
  type Snapshot,
  type Welcome,
} from '#proto/session/v1/session.js';
import type { AttachmentEnd, ClientEffect, ClientNext } from './client-effects.js';
import { nextAfter } from './client-next.js';
import { continueWith, lossFrom } from './client-welcome.js';
import { createEndpoint } from '../endpoint/create-endpoint.js';
import { detachMessage } from '../messages/detach-message.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { defaultLimits, protocolVersion, type SessionLimits } from '../codec/limits.js';
import { createSnapshotAssembly } from './snapshot-assembly.js';

export type { AttachmentEnd, ClientEffect, ClientNext, Loss, LostRange } from './client-effects.js';

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
  return new EndpointClientLink(options);
}

/** What a client has seen on one attachment. */
interface Attachment {
  welcome: Welcome | undefined;
  drain: Drain | undefined;
  detach: Detach | undefined;
}

class EndpointClientLink implements ClientLink {
  readonly sessionId: string;
  readonly #options: ClientLinkOptions;
  readonly #limits: SessionLimits;
  #endpoint: Endpoint;
  #incarnation = 0;
  #resumeToken: Buffer;
  #current = newAttachment();
  #pictures = createSnapshotAssembly();

  constructor(options: ClientLinkOptions) {
    this.sessionId = options.sessionId;
    this.#options = options;
    this.#limits = options.limits ?? defaultLimits;
    this.#endpoint = createEndpoint({ limits: this.#limits });
    this.#resumeToken = Buffer.from(options.resumeToken ?? []);
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get resumeToken(): Uint8Array {
    return this.#resumeToken;
  }

  get attached(): boolean {
    return this.#current.welcome !== undefined;
  }

  hello(nonce: string): Frames {
    this.#current = newAttachment();
    this.#pictures = createSnapshotAssembly();
    this.#endpoint.detach();
    const hello = helloOf(this.#options, {
      endpoint: this.#endpoint,
      incarnation: this.#incarnation,
      resumeToken: this.#resumeToken,
      nonce,
    });
    return this.#endpoint.wrap([{ seq: 0, kind: { $case: 'hello', value: hello } }]);
  }

  receive(message: Frames): readonly ClientEffect[] {
    const { welcome, resets, rest } = splitWelcome(message, this.attached);
    const effects = welcome === undefined ? [] : this.#enter(welcome, resets);
    for (const frame of this.#endpoint.receive(rest)) effects.push(...this.#take(frame));
    return effects;
  }

  leave(): Frames {
    return detachMessage(this.#endpoint, DetachReason.LEAVING, '');
  }

  ping(nonce: number): Frames {
    return this.#endpoint.wrap([{ seq: 0, kind: { $case: 'ping', value: { nonce } } }]);
  }

  ended(end: AttachmentEnd): ClientNext {
    const { drain, detach } = this.#current;
    this.#current = newAttachment();
    this.#endpoint.detach();
    return nextAfter(end, { drain, detach, wasWelcomed: this.#incarnation > 0 });
  }

  #enter(welcome: Welcome, resets: readonly Reset[]): ClientEffect[] {
    checkWelcome(welcome, this.sessionId);
    const continued = continueWith({
      welcome,
      endpoint: this.#endpoint,
      incarnation: this.#incarnation,
      limits: this.#limits,
      resets,
    });
    this.#endpoint = continued.endpoint;
    this.#endpoint.attach(welcome.nextRx);
    this.#incarnation = welcome.incarnation;
    this.#resumeToken = Buffer.from(welcome.resumeToken);
    this.#current.welcome = welcome;
    const effects: ClientEffect[] = [
      {
        kind: 'welcomed',
        outcome: welcome.outcome,
        incarnation: welcome.incarnation,
        attachEpoch: welcome.attachEpoch,
        node: welcome.node,
        resumeToken: this.#resumeToken,
        resumeTtlMs: durationToMs(welcome.resumeTtl, 0),
        reset: continued.reset,
        leftover: continued.leftover,
      },
    ];
    if (continued.loss !== undefined) effects.push({ kind: 'lost', loss: continued.loss });
    return effects;
  }

  #take(frame: Frame): ClientEffect[] {
    switch (frame.kind?.$case) {
      case 'snapshot':
        return this.#takeSnapshot(frame.kind.value);
      case 'drain':
        return this.#takeDrain(frame.kind.value);
      case 'detach':
        this.#current.detach = frame.kind.value;
        return [{ kind: 'detach', ...frame.kind.value }];
      case 'reset':
        return this.#takeReset(frame.kind.value);
      case 'ping':
        return [
          {
            kind: 'send',
            message: this.#endpoint.wrap([{ seq: 0, kind: { $case: 'pong', value: frame.kind.value } }]),
          },
        ];
      case 'pong':
        return [{ kind: 'pong', nonce: frame.kind.value.nonce }];
      default:
        throw new PaneletError('FRAME_INVALID', 'The worker sent a frame that has no place here.');
    }
  }

  #takeSnapshot(snapshot: Snapshot): ClientEffect[] {
    const picture = this.#pictures.take(snapshot);
    // One that is older than what is here would turn time back.
    if (picture === undefined || snapshot.throughSeq + 1 < this.#endpoint.cursors.nextRx) return [];
    this.#endpoint.skipInput(snapshot.throughSeq + 1, snapshot.dataBytes);
    return [{ kind: 'snapshot', throughSeq: snapshot.throughSeq, ...picture }];
  }

  #takeDrain(drain: Drain): ClientEffect[] {
    const before = this.#current.drain;
    const isRepeated = drain.generation === before?.generation && drain.phase === before.phase;
    this.#current.drain = drain;
    if (drain.phase === DrainPhase.UNSPECIFIED || isRepeated) return [];
    return [{ kind: 'drain', drain }];
  }

  // Resets of another life were told with the Welcome.
  #takeReset(reset: Reset): ClientEffect[] {
    if (reset.incarnation !== this.#incarnation) return [];
    const { txBase, txDataBytes } = this.#current.welcome ?? { txBase: 0, txDataBytes: 0 };
    if (reset.direction === Direction.OUTPUT && reset.throughSeq + 1 === txBase) {
      this.#endpoint.skipInput(txBase, txDataBytes);
    }
    return [{ kind: 'lost', loss: lossFrom([reset]) }];
  }
}

function newAttachment(): Attachment {
  return { welcome: undefined, drain: undefined, detach: undefined };
}

interface HelloFacts {
  readonly endpoint: Endpoint;
  readonly incarnation: number;
  readonly resumeToken: Buffer;
  readonly nonce: string;
}

function helloOf(options: ClientLinkOptions, facts: HelloFacts): Hello {
  const isFirst = facts.incarnation === 0;
  const { nextRx, txBase, txNext } = facts.endpoint.cursors;
  return {
    versions: [protocolVersion],
    capabilities: ['snapshot'],
    panel: options.panel,
    sessionId: options.sessionId,
    clientId: options.clientId,
    // Taking over is asked for once: whoever is superseded later stops.
    takeover: isFirst && options.takeover === true,
    mode: !isFirst && options.mode === AttachMode.OPEN ? AttachMode.RESUME : options.mode,
    attachNonce: facts.nonce,
    resumeToken: facts.resumeToken,
    incarnation: facts.incarnation,
    nextRx,
    txBase,
    txNext,
    parameters: { ...options.parameters },
  };
}

function checkWelcome(welcome: Welcome, sessionId: string): void {
  if (welcome.version !== protocolVersion) {
    throw new PaneletError(
      'VERSION_UNSUPPORTED',
      `The worker chose version ${welcome.version}, which was not offered.`,
    );
  }
  const isSound =
    welcome.sessionId === sessionId && welcome.incarnation >= 1 && welcome.nextRx >= 1 && welcome.txBase >= 1;
  if (!isSound) throw new PaneletError('FRAME_INVALID', 'The Welcome is not for this session, or contradicts itself.');
}

interface SplitMessage {
  readonly welcome: Welcome | undefined;
  /** The Resets that came with the Welcome and belong to an earlier life. */
  readonly resets: readonly Reset[];
  readonly rest: Frames;
}

function splitWelcome(message: Frames, isWelcomed: boolean): SplitMessage {
  if (isWelcomed) return { welcome: undefined, resets: [], rest: message };
  const [first, ...others] = message.frames;
  if (first?.kind?.$case !== 'welcome') {
    throw new PaneletError('FRAME_INVALID', 'The first frame of a worker has to be a Welcome.');
  }
  const welcome = first.kind.value;
  // After a Welcome that continues, Resets are about this life, and are taken as they come.
  if (welcome.outcome === ResumeOutcome.EXACT) return { welcome, resets: [], rest: { ...message, frames: others } };
  const resets: Reset[] = [];
  const rest: Frame[] = [];
  for (const frame of others) {
    if (frame.kind?.$case === 'reset') resets.push(frame.kind.value);
    else rest.push(frame);
  }
  return { welcome, resets, rest: { ...message, frames: rest } };
}

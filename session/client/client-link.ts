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

/** What a client has seen on one attachment. */
interface Attachment {
  welcome: Welcome | undefined;
  drain: Drain | undefined;
  detach: Detach | undefined;
}

/** A client that has not attached yet. */
export function createClientLink(options: ClientLinkOptions): ClientLink {
  const limits = options.limits ?? defaultLimits;
  let endpoint = createEndpoint({ limits });
  let incarnation = 0;
  let resumeToken = Buffer.from(options.resumeToken ?? []);
  let current: Attachment = { welcome: undefined, drain: undefined, detach: undefined };
  let pictures = createSnapshotAssembly();

  const enter = (welcome: Welcome, resets: readonly Reset[]): ClientEffect[] => {
    checkWelcome(welcome, options.sessionId);
    const continued = continueWith({ welcome, endpoint, incarnation, limits, resets });
    endpoint = continued.endpoint;
    endpoint.attach(welcome.nextRx);
    incarnation = welcome.incarnation;
    resumeToken = Buffer.from(welcome.resumeToken);
    current.welcome = welcome;
    const effects: ClientEffect[] = [
      {
        kind: 'welcomed',
        outcome: welcome.outcome,
        incarnation,
        attachEpoch: welcome.attachEpoch,
        node: welcome.node,
        resumeToken,
        resumeTtlMs: durationToMs(welcome.resumeTtl, 0),
        reset: continued.reset,
        leftover: continued.leftover,
      },
    ];
    if (continued.loss !== undefined) effects.push({ kind: 'lost', loss: continued.loss });
    return effects;
  };

  // Resets of another life were told with the Welcome.
  const takeReset = (reset: Reset): ClientEffect[] => {
    if (reset.incarnation !== incarnation) return [];
    const { txBase, txDataBytes } = current.welcome ?? { txBase: 0, txDataBytes: 0 };
    if (reset.direction === Direction.OUTPUT && reset.throughSeq + 1 === txBase) {
      endpoint.skipInput(txBase, txDataBytes);
    }
    return [{ kind: 'lost', loss: lossFrom([reset]) }];
  };

  const takeSnapshot = (snapshot: Snapshot): ClientEffect[] => {
    const picture = pictures.take(snapshot);
    // One that is older than what is here would turn time back.
    if (picture === undefined || snapshot.throughSeq + 1 < endpoint.cursors.nextRx) return [];
    endpoint.skipInput(snapshot.throughSeq + 1, snapshot.dataBytes);
    return [{ kind: 'snapshot', throughSeq: snapshot.throughSeq, ...picture }];
  };

  const takeDrain = (drain: Drain): ClientEffect[] => {
    const isRepeated = drain.generation === current.drain?.generation && drain.phase === current.drain.phase;
    current.drain = drain;
    if (drain.phase === DrainPhase.UNSPECIFIED || isRepeated) return [];
    return [{ kind: 'drain', drain }];
  };

  const take = (frame: Frame): ClientEffect[] => {
    switch (frame.kind?.$case) {
      case 'snapshot':
        return takeSnapshot(frame.kind.value);
      case 'drain':
        return takeDrain(frame.kind.value);
      case 'detach':
        current.detach = frame.kind.value;
        return [{ kind: 'detach', ...frame.kind.value }];
      case 'reset':
        return takeReset(frame.kind.value);
      case 'ping':
        return [
          { kind: 'send', message: endpoint.wrap([{ seq: 0, kind: { $case: 'pong', value: frame.kind.value } }]) },
        ];
      case 'pong':
        return [{ kind: 'pong', nonce: frame.kind.value.nonce }];
      default:
        throw new PaneletError('FRAME_INVALID', 'The worker sent a frame that has no place here.');
    }
  };

  return {
    sessionId: options.sessionId,
    get endpoint() {
      return endpoint;
    },
    get incarnation() {
      return incarnation;
    },
    get resumeToken() {
      return resumeToken;
    },
    get attached() {
      return current.welcome !== undefined;
    },
    hello: (nonce) => {
      current = { welcome: undefined, drain: undefined, detach: undefined };
      pictures = createSnapshotAssembly();
      endpoint.detach();
      const hello = helloOf(options, { endpoint, incarnation, resumeToken, nonce });
      return endpoint.wrap([{ seq: 0, kind: { $case: 'hello', value: hello } }]);
    },
    receive: (message) => {
      const { welcome, resets, rest } = splitWelcome(message, current.welcome !== undefined);
      const effects = welcome === undefined ? [] : enter(welcome, resets);
      for (const frame of endpoint.receive(rest)) effects.push(...take(frame));
      return effects;
    },
    leave: () => detachMessage(endpoint, DetachReason.LEAVING, ''),
    ping: (nonce) => endpoint.wrap([{ seq: 0, kind: { $case: 'ping', value: { nonce } } }]),
    ended: (end) => {
      const { drain, detach } = current;
      current = { welcome: undefined, drain: undefined, detach: undefined };
      endpoint.detach();
      return nextAfter(end, { drain, detach, wasWelcomed: incarnation > 0 });
    },
  };
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

import { PaneletError } from '#common/errors/errors.js';
import { durationToMs } from '#common/time/duration.js';
import {
  DetachReason,
  Direction,
  DrainPhase,
  type Drain,
  type Frame,
  type Frames,
  type Move,
  type Reset,
  type Snapshot,
  type Welcome,
} from '#proto/session/v1/session.js';
import { ClientAttachment } from './client-attachment.js';
import type { AttachmentEnd, ClientEffect, ClientNext } from './client-effects.js';
import { helloOf } from './client-hello.js';
import type { ClientLinkOptions } from './client-link-options.js';
import { nextAfter, nextAfterBoth } from './client-next.js';
import { continueWith, lossFrom } from './client-welcome.js';
import { judgeWelcome } from './judge-welcome.js';
import { OwnAttempts } from './own-attempts.js';
import { createEndpoint } from '../endpoint/create-endpoint.js';
import { detachMessage } from '../messages/detach-message.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { defaultLimits, type SessionLimits } from '../codec/limits.js';

export type { ClientLinkOptions } from './client-link-options.js';
export type { AttachmentEnd, ClientEffect, ClientNext, Loss, LostRange } from './client-effects.js';

/**
 * The client's half of a session, over all its attachments. Pure: no time, no transport.
 *
 * There is one attachment at a time, or two for as long as the session moves: the *current* one, which alone sends numbered
 * frames, and the *next* one. The Welcome of the next one makes it the current one; the one before is only read until it
 * ends. Whoever has two names the one that is meant by its nonce; what an attachment says that was given up is nothing.
 */
export interface ClientLink {
  readonly sessionId: string;
  /** Write here, read here, pull from here. Replaced by `receive` of a Welcome: take it anew each time. */
  readonly endpoint: Endpoint;
  /** Incarnation of the last Welcome; 0 before. */
  readonly incarnation: number;
  /** Token of the last Welcome; empty before. */
  readonly resumeToken: Uint8Array;
  /** Nonce of the attachment that sends numbered frames; undefined while there is none. */
  readonly attachedAs: string | undefined;
  /** True between a Welcome and `ended`. */
  readonly attached: boolean;
  /**
   * Begins an attachment: its first message. `nonce` is new for every attempt. With `moves` an attachment that was welcomed
   * goes on, and this one is the next; without it, or where there is none, every other one is given up.
   */
  hello(nonce: string, options?: { readonly moves?: boolean }): Frames;
  /**
   * Takes a message of an attachment, the latest one if it is not named. Pull after it: the first message after a Welcome
   * confirms the attachment.
   * @throws FRAME_INVALID, CREDIT_EXCEEDED, LIMIT_EXCEEDED, VERSION_UNSUPPORTED, SESSION_LOST: end the attachment, then call
   * `ended`.
   */
  receive(message: Frames, nonce?: string): readonly ClientEffect[];
  /** A message that leaves the current attachment; the session is kept. */
  leave(): Frames;
  /** A message of the current attachment that asks the worker for a pong. */
  ping(nonce: number): Frames;
  /** The RPC of the only attachment has ended; tells what follows. */
  ended(end: AttachmentEnd): ClientNext;
  /** The same for one of two; undefined when nothing follows, because the other one goes on or decides. */
  ended(end: AttachmentEnd, nonce: string): ClientNext | undefined;
}

/** A client that has not attached yet. */
export function createClientLink(options: ClientLinkOptions): ClientLink {
  return new EndpointClientLink(options);
}

class EndpointClientLink implements ClientLink {
  readonly sessionId: string;
  readonly #options: ClientLinkOptions;
  readonly #limits: SessionLimits;
  readonly #attempts = new OwnAttempts();
  #endpoint: Endpoint;
  #incarnation = 0;
  #resumeToken: Buffer;
  /** The one that was welcomed last; before, and where that one has ended, the one that waits for its Welcome. */
  #current: ClientAttachment | undefined;
  /** Waits for its Welcome, beside a current one. */
  #next: ClientAttachment | undefined;
  /** Was current until the Welcome of its successor. */
  #former: ClientAttachment | undefined;
  /** What followed the end of an attachment, if the one that waits did not. */
  #undecided: ClientNext | undefined;
  /** Set once a Welcome has shown that the worker has lost what was acknowledged: no other one makes that good. */
  #lost: ClientNext | undefined;

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

  get attachedAs(): string | undefined {
    return this.#current?.welcome === undefined ? undefined : this.#current.nonce;
  }

  get attached(): boolean {
    return this.attachedAs !== undefined;
  }

  hello(nonce: string, { moves: wantsMove = false } = {}): Frames {
    const moves = wantsMove && this.attached;
    const attachment = new ClientAttachment(nonce, moves);
    this.#attempts.begin(nonce);
    this.#former = undefined;
    this.#next = moves ? attachment : undefined;
    if (!moves) this.#giveUpFor(attachment);
    const hello = helloOf(this.#options, {
      nonce,
      moves,
      cursors: this.#endpoint.cursors,
      incarnation: this.#incarnation,
      resumeToken: this.#resumeToken,
    });
    return this.#endpoint.announce([{ seq: 0, kind: { $case: 'hello', value: hello } }]);
  }

  receive(message: Frames, nonce?: string): readonly ClientEffect[] {
    const attachment = this.#find(nonce);
    if (attachment === undefined) return [];
    if (attachment === this.#former) return this.#takeLast(attachment, message.frames);
    const { welcome, resets, rest } = attachment.split(message);
    const effects = welcome === undefined ? [] : this.#enter(attachment, welcome, resets);
    for (const frame of this.#endpoint.receive(rest)) effects.push(...this.#take(attachment, frame));
    return effects;
  }

  leave(): Frames {
    return detachMessage(this.#endpoint, DetachReason.LEAVING, '');
  }

  ping(nonce: number): Frames {
    return this.#endpoint.wrap([{ seq: 0, kind: { $case: 'ping', value: { nonce } } }]);
  }

  ended(end: AttachmentEnd): ClientNext;
  ended(end: AttachmentEnd, nonce: string): ClientNext | undefined;
  ended(end: AttachmentEnd, nonce?: string): ClientNext | undefined {
    const attachment = this.#find(nonce);
    if (attachment === undefined) return nonce === undefined ? this.#nextAfter(end, undefined) : undefined;
    if (end.kind === 'refused') this.#attempts.answer(attachment.nonce);
    if (this.#lost !== undefined) return this.#giveUp(this.#lost);
    if (attachment === this.#former) this.#former = undefined;
    else if (attachment === this.#next) this.#next = undefined;
    else return this.#currentEnded(end, attachment);
    return undefined;
  }

  #giveUpFor(attachment: ClientAttachment): void {
    this.#current = attachment;
    this.#undecided = undefined;
    this.#endpoint.detach();
  }

  #giveUp(next: ClientNext): ClientNext {
    this.#current = undefined;
    this.#next = undefined;
    this.#former = undefined;
    this.#endpoint.detach();
    return next;
  }

  /** The attachment of a nonce, if it was not given up; the latest one where none is named. */
  #find(nonce: string | undefined): ClientAttachment | undefined {
    if (nonce === undefined) return this.#next ?? this.#current;
    return [this.#next, this.#current, this.#former].find((attachment) => attachment?.nonce === nonce);
  }

  #currentEnded(end: AttachmentEnd, attachment: ClientAttachment): ClientNext | undefined {
    const before = this.#undecided;
    const latest = this.#nextAfter(end, attachment);
    const next = before === undefined ? latest : nextAfterBoth(before, latest, end);
    this.#endpoint.detach();
    this.#current = this.#next;
    this.#next = undefined;
    this.#undecided = this.#current === undefined ? undefined : next;
    return this.#current === undefined ? next : undefined;
  }

  #nextAfter(end: AttachmentEnd, attachment: ClientAttachment | undefined): ClientNext {
    const { drain, detach, nonce = '' } = attachment ?? {};
    const isSuperseded = detach?.reason === DetachReason.SUPERSEDED;
    const isOwnTakeover = isSuperseded && this.#attempts.isOwn(detach.attachNonce, nonce);
    return nextAfter(end, { drain, detach, wasWelcomed: this.#incarnation > 0, isOwnTakeover });
  }

  #enter(attachment: ClientAttachment, welcome: Welcome, resets: readonly Reset[]): ClientEffect[] {
    const before = this.#endpoint;
    this.#judge(attachment, welcome);
    const continued = continueWith({
      welcome,
      endpoint: before,
      incarnation: this.#incarnation,
      limits: this.#limits,
      resets,
    });
    this.#endpoint = continued.endpoint;
    this.#endpoint.attach(welcome.nextRx);
    this.#incarnation = welcome.incarnation;
    this.#resumeToken = Buffer.from(welcome.resumeToken);
    const moved = this.#seat(attachment, welcome);
    // What is still under way over the one before has numbers that are gone.
    if (this.#endpoint !== before) this.#former = undefined;
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
        moved,
      },
    ];
    if (continued.loss !== undefined) effects.push({ kind: 'lost', loss: continued.loss });
    return effects;
  }

  #judge({ moves }: ClientAttachment, welcome: Welcome): void {
    const { sessionId } = this;
    const { cursors } = this.#endpoint;
    try {
      judgeWelcome(welcome, { sessionId, incarnation: this.#incarnation, cursors, moves });
    } catch (error) {
      const { code, message } = PaneletError.from(error);
      if (code === 'SESSION_LOST') this.#lost = { kind: 'failed', code, message };
      throw error;
    }
  }

  /** Makes an attachment the current one. @returns true when there was one until now */
  #seat(attachment: ClientAttachment, welcome: Welcome): boolean {
    const moved = attachment === this.#next;
    attachment.welcome = welcome;
    this.#attempts.answer(attachment.nonce);
    this.#undecided = undefined;
    if (!moved) return false;
    this.#former = this.#current;
    this.#current = attachment;
    this.#next = undefined;
    return true;
  }

  /**
   * Of the attachment before, output still counts as far as the Welcome knows of it. Its ack and credit do not: the Welcome
   * came with later ones, or the worker has lost what they stand for.
   */
  #takeLast(attachment: ClientAttachment, sent: readonly Frame[]): ClientEffect[] {
    const txNext = this.#current?.welcome?.txNext ?? 0;
    const frames = sent.filter(({ seq }) => seq < txNext);
    const effects: ClientEffect[] = [];
    for (const frame of this.#endpoint.receive({ ack: 0, credit: 0, frames })) {
      const kind = frame.kind?.$case;
      if (kind === 'snapshot' || kind === 'detach') effects.push(...this.#take(attachment, frame));
    }
    return effects;
  }

  #take(attachment: ClientAttachment, frame: Frame): ClientEffect[] {
    switch (frame.kind?.$case) {
      case 'snapshot':
        return this.#takeSnapshot(attachment, frame.kind.value);
      case 'drain':
        return this.#takeDrain(attachment, frame.kind.value);
      case 'move':
        return this.#takeMove(attachment, frame.kind.value);
      case 'detach':
        attachment.detach = frame.kind.value;
        return [{ kind: 'detach', ...frame.kind.value }];
      case 'reset':
        return this.#takeReset(attachment, frame.kind.value);
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

  #takeSnapshot(attachment: ClientAttachment, snapshot: Snapshot): ClientEffect[] {
    const picture = attachment.pictures.take(snapshot);
    // One that is older than what is here would turn time back.
    if (picture === undefined || snapshot.throughSeq + 1 < this.#endpoint.cursors.nextRx) return [];
    this.#endpoint.skipInput(snapshot.throughSeq + 1, snapshot.dataBytes);
    return [{ kind: 'snapshot', throughSeq: snapshot.throughSeq, ...picture }];
  }

  #takeDrain(attachment: ClientAttachment, drain: Drain): ClientEffect[] {
    const before = attachment.drain;
    const isRepeated = drain.generation === before?.generation && drain.phase === before.phase;
    attachment.drain = drain;
    if (drain.phase === DrainPhase.UNSPECIFIED || isRepeated) return [];
    return [{ kind: 'drain', drain }];
  }

  #takeMove(attachment: ClientAttachment, move: Move): ClientEffect[] {
    const isRepeated = move.generation === attachment.move?.generation;
    attachment.move = move;
    return isRepeated ? [] : [{ kind: 'move', move }];
  }

  // Resets of another life were told with the Welcome.
  #takeReset({ welcome }: ClientAttachment, reset: Reset): ClientEffect[] {
    if (reset.incarnation !== this.#incarnation) return [];
    const { txBase, txDataBytes } = welcome ?? { txBase: 0, txDataBytes: 0 };
    if (reset.direction === Direction.OUTPUT && reset.throughSeq + 1 === txBase) {
      this.#endpoint.skipInput(txBase, txDataBytes);
    }
    return [{ kind: 'lost', loss: lossFrom([reset]) }];
  }
}

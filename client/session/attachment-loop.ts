import { Metadata, status } from '@grpc/grpc-js';
import type { TokenQuery } from '../connect/client-options.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Random } from '#common/random.js';
import { DrainPhase } from '#proto/session/v1/session.js';
import type { AttachmentEnd, ClientEffect, ClientLink, ClientNext } from '#session/client/client-link.js';
import type { ClientLog } from '../connect/client-log.js';
import type { AttachTimes } from '../connect/attach-times.js';
import { AttachBudget } from './attach-budget.js';
import { Attachment, type AttachmentResult } from './attachment.js';
import { AttachmentPair, type HeldAttachment } from './attachment-pair.js';
import { MoveAttempts, type MoveAttempt } from './move-attempts.js';
import type { LearningBook } from '../connect/address-book.js';
import type { ChannelLease, ChannelPool } from '../connect/channel-pool.js';
import { dial } from '../connect/dial.js';
import type { LivenessOptions } from '../connect/liveness.js';
import { createMoveBook, type CurrentAgent } from '../connect/move-addresses.js';
import type { Reachability } from '../connect/reachability.js';
import { clientErrorOf, retryAdvice } from '../connect/status-errors.js';
import {
  attachmentEndOf,
  createReattachPacing,
  errorOfEnd,
  type ReattachOptions,
  type ReattachPacing,
} from '../connect/reattach-policy.js';
import { reasonOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import type { LoopEnd } from './loop-end.js';
import { SessionHome } from './session-home.js';

/** What the owner of a loop hears, in order. Nothing after `over`. */
export interface AttachmentEvents {
  /** A message has arrived; acknowledgements in it have been taken. */
  received(effects: readonly ClientEffect[]): void;
  /** The attachment, or an attempt, has ended and another follows. */
  reattaching(event: {
    readonly attempt: number;
    readonly delayMs: number;
    readonly planned: boolean;
    readonly error: PaneletError | undefined;
  }): void;
  pinged(ms: number): void;
  /** The agent does not answer, while its connection is there; or does so again. */
  silent(isSilent: boolean): void;
  over(end: LoopEnd): void;
}

/** What a loop is made with. */
export interface AttachmentLoopDeps {
  readonly link: ClientLink;
  readonly panel: string;
  /** Node that the session is known to live on; empty when not known. */
  readonly node: string;
  readonly pool: ChannelPool;
  readonly reachability: Reachability;
  readonly book: LearningBook;
  /** True for an address that a worker names and that may be followed from the current agent. */
  readonly mayFollow: (hint: string, current: CurrentAgent) => boolean;
  /** True when another attempt may have another token. */
  readonly tokensRotate: boolean;
  /** True when the session exists already. */
  readonly resumes: boolean;
  /** Who calls; asked with whether the token of the attempt before was refused. */
  readonly metadata: (query: TokenQuery) => Promise<Metadata>;
  readonly times: AttachTimes;
  readonly reattach: ReattachOptions;
  readonly liveness: LivenessOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ClientLog;
  readonly events: AttachmentEvents;
}

/** What is known of an attempt besides its result. */
interface EndedAttempt {
  readonly address: string;
  readonly cause: PaneletError | undefined;
  /** The agent of another node has answered. */
  readonly isSearching: boolean;
}

/** Which connection an attachment is opened on. */
interface Opening {
  readonly lease: ChannelLease;
  readonly metadata: Metadata;
  /** True for the next attachment, beside the current one. */
  readonly moves: boolean;
}

const leaveTimeoutMs = 2000;
// For the connection of a next attachment, and for its Welcome: were the current one to end meanwhile, nobody should wait long for it.
const nextTimeoutMs = 2000;
const maxRefusedTokens = 5;

/** Keeps one session attached, over as many attachments as it takes. */
export class AttachmentLoop {
  readonly #deps: AttachmentLoopDeps;
  readonly #home: SessionHome;
  readonly #budget: AttachBudget;
  readonly #pacing: ReattachPacing;
  /** Aborts when the loop is over: nobody waits for a connection then. */
  readonly #ending = new AbortController();
  readonly #pair = new AttachmentPair();
  readonly #moves: MoveAttempts;
  #stopWaiting: (() => void) | undefined;
  #left: Latch<void> | undefined;
  #over = false;
  #everAttached = false;
  /** Attempts since the last welcome, or since the start. */
  #attempt = 0;
  #refusedTokens = 0;

  constructor(deps: AttachmentLoopDeps) {
    this.#deps = deps;
    this.#home = new SessionHome(deps.node, deps.random);
    this.#budget = new AttachBudget(deps.times, deps.clock);
    this.#pacing = createReattachPacing(deps.random, deps.reattach);
    const { clock, random } = deps;
    this.#moves = new MoveAttempts({ clock, random, open: (attempt) => this.#openNext(attempt) });
  }

  start(): void {
    this.#budget.restart();
    void this.#connect();
  }

  /** There may be something to send. */
  poke(): void {
    this.#pair.current?.attachment.poke();
  }

  /** Leaves with a detach frame, and waits at most two seconds for the worker to see it. */
  async leave(): Promise<void> {
    if (this.#over) return;
    const { current } = this.#pair;
    if (current !== undefined && this.#deps.link.attached) {
      this.#moves.drop();
      this.#pair.stopOthers();
      const left = createLatch();
      this.#left = left;
      const timer = this.#deps.clock.after(leaveTimeoutMs, () => left.resolve());
      current.attachment.leave();
      await left.promise;
      timer.stop();
    }
    this.stop();
  }

  /** Stops at once, without a word. */
  stop(): void {
    this.#pair.stop();
    this.#finish({ kind: 'left' });
  }

  async #connect(): Promise<void> {
    const { link, panel, pool, book, clock } = this.#deps;
    const query = { sessionId: link.sessionId, panel, node: this.#home.node, attempt: this.#attempt };
    let lease: ChannelLease;
    let metadata: Metadata;
    try {
      metadata = await this.#deps.metadata({ refused: this.#refusedTokens > 0 });
      lease = await dial({ pool, clock, book, query, limitMs: this.#budget.dialMs, signal: this.#ending.signal });
    } catch (error) {
      if (!this.#over) this.#notDialled(PaneletError.from(error, 'AGENT_UNREACHABLE'));
      return;
    }
    if (this.#over) lease.release();
    else this.#attach({ lease, metadata, moves: false });
  }

  /**
   * Opens the next attachment: where only the worker is another one, over the connection that is there; else, or if that came to nothing, over one that
   * leads to another agent if there is one.
   */
  async #openNext(wish: MoveAttempt): Promise<void> {
    const { move, attempt, signal } = wish;
    const { current } = this.#pair;
    if (current === undefined) return;
    const { address } = current.lease;
    const isAgentKept = move.reattach === undefined && attempt === 1;
    // What stands behind its address goes away: a fresh connection may find what comes instead.
    if (!isAgentKept) current.lease.retire();
    const metadata = await this.#deps.metadata({ refused: false });
    const lease = isAgentKept ? this.#deps.pool.lease(address, this.#home.node) : await this.#dialNext(wish, address);
    if (signal.aborted) lease.release();
    else this.#attach({ lease, metadata, moves: true });
  }

  #dialNext({ move, attempt, signal }: MoveAttempt, address: string): Promise<ChannelLease> {
    const { link, panel, pool, clock, book, mayFollow } = this.#deps;
    const { node } = this.#home;
    const { address: hint = '', uid: podUid = '' } = move.reattach ?? {};
    const hinted = mayFollow(hint, { address, node }) ? { address: hint, node } : undefined;
    return dial({
      ...{ pool, clock, signal, limitMs: nextTimeoutMs },
      book: createMoveBook(book, address, hinted),
      query: { sessionId: link.sessionId, panel, node, attempt, podUid },
    });
  }

  #attach({ lease, metadata, moves }: Opening): void {
    const { link, clock, random, liveness, events } = this.#deps;
    const nonce = random.uuid();
    const { welcomeMs } = this.#budget;
    const openedMs = clock.nowMs();
    const attachment = new Attachment({
      ...{ link, lease, metadata, nonce, moves, clock, liveness },
      attachTimeoutMs: moves ? Math.min(nextTimeoutMs, welcomeMs) : welcomeMs,
      received: (effects) => {
        for (const effect of effects) this.#act(effect, held);
        events.received(effects);
      },
      ended: (result) => this.#ended(result, { held, nonce }),
      pinged: (ms) => events.pinged(ms),
      silent: (isSilent) => events.silent(isSilent),
    });
    const held: HeldAttachment = { attachment, lease, openedMs };
    this.#pair.add(held);
  }

  #act(effect: ClientEffect, held: HeldAttachment): void {
    if (effect.kind === 'welcomed') {
      this.#pair.welcomed(held);
      this.#moves.drop();
      this.#welcomed(effect, held);
    }
    if (effect.kind === 'move') this.#moves.wished(effect.move);
    // The attachment ends by itself now, and what follows needs no other one beside it.
    if (effect.kind === 'drain' && effect.drain.phase === DrainPhase.READY) this.#moves.drop();
  }

  #welcomed(effect: ClientEffect & { kind: 'welcomed' }, { lease, openedMs }: HeldAttachment): void {
    const { link, log, reachability, book, clock } = this.#deps;
    const { node, incarnation, resumeTtlMs, moved } = effect;
    reachability.announce(lease.address);
    book.reached({ address: lease.address, node });
    this.#everAttached = true;
    this.#attempt = 0;
    this.#refusedTokens = 0;
    if (node !== '') lease.leadsTo(node);
    this.#home.found(node);
    this.#budget.welcomed(resumeTtlMs);
    const welcomeMs = clock.nowMs() - openedMs;
    log.debug({ sessionId: link.sessionId, incarnation, node: this.#home.node, moved, welcomeMs }, 'Attached');
  }

  #ended(result: AttachmentResult, { held, nonce }: { readonly held: HeldAttachment; readonly nonce: string }): void {
    const { rpc, violation } = result;
    const { lease } = held;
    const which = this.#pair.ended(held);
    // An answer with a reason shows that the connection works; after everything else a fresh one is faster. One that did not lead to
    // another agent may, too. Where the session goes on over the same connection, it works.
    const isShared = this.#pair.uses(lease.client);
    if (!isShared && (which === 'next' || reasonOf(rpc.metadata) === undefined)) lease.retire();
    // The agent of another node has answered for it: nobody's word on the session.
    const exists = this.#everAttached || this.#deps.resumes;
    const elsewhere = exists && violation === undefined ? this.#home.answeredElsewhere(rpc, lease) : undefined;
    lease.release();
    const isLoss = elsewhere !== undefined || this.#mayTryAnotherToken(rpc);
    const next = this.#deps.link.ended(isLoss ? { kind: 'transport' } : this.#endOf(result, lease.address), nonce);
    if (this.#left !== undefined) {
      this.#left.resolve();
      return;
    }
    const cause = violation ?? errorOfEnd(rpc, lease.address, result.livedMs !== undefined);
    if (next === undefined) {
      this.#oneOfTwoEnded(which, result, cause);
      return;
    }
    this.#moves.drop();
    const isForbidden = retryAdvice(rpc).kind === 'never' && violation === undefined;
    if (next.kind !== 'reattach') this.#finish({ ...next, cause });
    else if (isForbidden) this.#finish(failureOf(clientErrorOf(rpc, lease.address)));
    else
      this.#waitForNext(result, next, {
        address: lease.address,
        cause: elsewhere ?? cause,
        isSearching: elsewhere !== undefined,
      });
  }

  /** Nothing follows from the end of an attachment: another one goes on, or decides. */
  #oneOfTwoEnded(
    which: ReturnType<AttachmentPair['ended']>,
    { rpc, ready }: AttachmentResult,
    cause: PaneletError | undefined,
  ): void {
    const advice = retryAdvice(rpc);
    if (which === 'next' && advice.kind === 'never') this.#moves.drop();
    else if (which === 'next') this.#moves.failed(advice.kind === 'after' ? advice.delayMs : undefined);
    if (which !== 'current') return;
    // The next one is on its way already, as the first attempt.
    this.#moves.drop();
    this.#budget.restart();
    this.#attempt = 1;
    this.#deps.events.reattaching({ attempt: 1, delayMs: 0, planned: ready, error: cause });
  }

  #endOf({ rpc, violation }: AttachmentResult, address: string): AttachmentEnd {
    if (violation === undefined) return attachmentEndOf(rpc, address, this.#everAttached);
    return { kind: 'refused', code: violation.code, message: violation.message };
  }

  /** A token may die between two attempts, and the next one be another: it is asked for a few times. */
  #mayTryAnotherToken(rpc: RpcStatus): boolean {
    const isRefused = this.#everAttached && reasonOf(rpc.metadata) === 'IDENTITY_MISSING';
    return this.#deps.tokensRotate && isRefused && this.#refusedTokens++ < maxRefusedTokens;
  }

  #notDialled(error: PaneletError): void {
    const mayCome = this.#everAttached || error.code === 'AGENT_UNREACHABLE';
    if (!mayCome || error.code === 'CONFIG_INVALID') {
      this.#finish(failureOf(error));
      return;
    }
    const rpc = { code: status.UNAVAILABLE, details: error.message, metadata: new Metadata() };
    const result = { rpc, violation: error, livedMs: undefined, ready: false };
    const next = { afterMs: 0, node: '' };
    const { address = 'no address' } = error.details;
    this.#waitForNext(result, next, { address, cause: error, isSearching: false });
  }

  #waitForNext(
    result: AttachmentResult,
    { afterMs, node }: Pick<ClientNext & { kind: 'reattach' }, 'afterMs' | 'node'>,
    { address, cause, isSearching }: EndedAttempt,
  ): void {
    const { events, log, reachability } = this.#deps;
    if (result.livedMs !== undefined) this.#budget.restart();
    this.#home.learn(node);
    const delayMs = isSearching ? this.#home.nextMs() : this.#pacing.delayMs({ ...result, afterMs });
    if (!this.#budget.allows(delayMs, result.rpc)) {
      this.#giveUp(cause);
      return;
    }
    this.#attempt++;
    log.debug({ attempt: this.#attempt, delayMs, err: cause }, 'Attaching again');
    events.reattaching({ attempt: this.#attempt, delayMs, planned: result.ready, error: cause });
    if (this.#over) return;
    const mayShorten = retryAdvice(result.rpc).kind === 'none';
    this.#stopWaiting = reachability.wait({ address, delayMs, mayShorten, fire: () => void this.#connect() });
  }

  #giveUp(cause: PaneletError | undefined): void {
    if (!this.#everAttached && cause !== undefined) {
      this.#finish(failureOf(cause));
      return;
    }
    const problem = `No connection to the session for too long. ${cause?.problem ?? ''}`.trim();
    const { advice, details } = cause ?? {};
    this.#finish(failureOf(new PaneletError('TRANSPORT_LOST', problem, { cause, advice, details })));
  }

  #finish(end: LoopEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending.abort(new PaneletError('TRANSPORT_LOST', 'Nobody waits for the session any more.'));
    this.#stopWaiting?.();
    this.#moves.drop();
    this.#pair.stop();
    this.#deps.events.over(end);
  }
}

function failureOf(error: PaneletError): LoopEnd {
  return { kind: 'failed', code: error.code, message: error.message, cause: error };
}

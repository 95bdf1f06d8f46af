import { Metadata, status } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { AttachmentEnd, ClientEffect, ClientLink, ClientNext } from '#session/client/client-link.js';
import type { AttachTimes } from '../connect/attach-times.js';
import { AttachBudget } from './attach-budget.js';
import { Attachment, type AttachmentResult } from './attachment.js';
import type { AddressBook } from '../connect/address-book.js';
import type { ChannelLease, ChannelPool } from '../connect/channel-pool.js';
import { dial } from '../connect/dial.js';
import type { LivenessOptions } from '../connect/liveness.js';
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
  readonly book: AddressBook;
  /** True when another attempt may have another token. */
  readonly tokensRotate: boolean;
  /** True when the session exists already. */
  readonly resumes: boolean;
  readonly metadata: () => Promise<Metadata>;
  readonly times: AttachTimes;
  readonly reattach: ReattachOptions;
  readonly liveness: LivenessOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly events: AttachmentEvents;
}

/** What is known of an attempt besides its result. */
interface EndedAttempt {
  readonly address: string;
  readonly cause: PaneletError | undefined;
  /** The agent of another node has answered. */
  readonly isSearching: boolean;
}

const leaveTimeoutMs = 2000;
const maxRefusedTokens = 5;

/** Keeps one session attached, over as many attachments as it takes. */
export class AttachmentLoop {
  readonly #deps: AttachmentLoopDeps;
  readonly #home: SessionHome;
  readonly #budget: AttachBudget;
  readonly #pacing: ReattachPacing;
  /** Aborts when the loop is over: nobody waits for a connection then. */
  readonly #ending = new AbortController();
  #current: { readonly attachment: Attachment; readonly lease: ChannelLease } | undefined;
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
  }

  start(): void {
    this.#budget.restart();
    void this.#connect();
  }

  /** There may be something to send. */
  poke(): void {
    this.#current?.attachment.poke();
  }

  /** Leaves with a detach frame, and waits at most two seconds for the worker to see it. */
  async leave(): Promise<void> {
    if (this.#over) return;
    if (this.#current !== undefined && this.#deps.link.attached) {
      const left = createLatch();
      this.#left = left;
      const timer = this.#deps.clock.after(leaveTimeoutMs, () => left.resolve());
      this.#current.attachment.leave();
      await left.promise;
      timer.stop();
    }
    this.stop();
  }

  /** Stops at once, without a word. */
  stop(): void {
    if (this.#current !== undefined) {
      this.#current.attachment.stop();
      this.#current.lease.release();
      this.#current = undefined;
    }
    this.#finish({ kind: 'left' });
  }

  async #connect(): Promise<void> {
    const { link, panel, pool, book, clock } = this.#deps;
    const query = { sessionId: link.sessionId, panel, node: this.#home.node, attempt: this.#attempt };
    let lease: ChannelLease;
    let metadata: Metadata;
    try {
      metadata = await this.#deps.metadata();
      lease = await dial({ pool, clock, book, query, limitMs: this.#budget.dialMs, signal: this.#ending.signal });
    } catch (error) {
      if (!this.#over) this.#notDialled(PaneletError.from(error, 'AGENT_UNREACHABLE'));
      return;
    }
    if (this.#over) lease.release();
    else this.#attach(lease, metadata);
  }

  #attach(lease: ChannelLease, metadata: Metadata): void {
    const { link, clock, random, liveness, events } = this.#deps;
    const attachment = new Attachment({
      link,
      lease,
      metadata,
      nonce: random.uuid(),
      clock,
      attachTimeoutMs: this.#budget.welcomeMs,
      liveness,
      received: (effects) => {
        for (const effect of effects) if (effect.kind === 'welcomed') this.#welcomed(effect, lease);
        events.received(effects);
      },
      ended: (result) => this.#ended(result, lease),
      pinged: (ms) => events.pinged(ms),
      silent: (isSilent) => events.silent(isSilent),
    });
    this.#current = { attachment, lease };
  }

  #welcomed({ node, incarnation, resumeTtlMs }: ClientEffect & { kind: 'welcomed' }, lease: ChannelLease): void {
    const { link, log, reachability } = this.#deps;
    reachability.announce(lease.address);
    this.#everAttached = true;
    this.#attempt = 0;
    this.#refusedTokens = 0;
    if (node !== '') lease.leadsTo(node);
    this.#home.found(node);
    this.#budget.welcomed(resumeTtlMs);
    log.debug({ sessionId: link.sessionId, incarnation, node: this.#home.node }, 'Attached');
  }

  #ended(result: AttachmentResult, lease: ChannelLease): void {
    const { rpc, violation } = result;
    this.#current = undefined;
    // An answer with a reason shows that the connection works; after everything else a fresh one is faster.
    if (reasonOf(rpc.metadata) === undefined) lease.retire();
    // The agent of another node has answered for it: nobody's word on the session.
    const exists = this.#everAttached || this.#deps.resumes;
    const elsewhere = exists && violation === undefined ? this.#home.answeredElsewhere(rpc, lease) : undefined;
    lease.release();
    const isLoss = elsewhere !== undefined || this.#mayTryAnotherToken(rpc);
    const next = this.#deps.link.ended(isLoss ? { kind: 'transport' } : this.#endOf(result, lease.address));
    if (this.#left !== undefined) {
      this.#left.resolve();
      return;
    }
    const cause = violation ?? errorOfEnd(rpc, lease.address);
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
    const message = `No connection to the session for too long. ${cause?.message ?? ''}`.trim();
    const isLoss = this.#everAttached || cause === undefined;
    this.#finish(failureOf(isLoss ? new PaneletError('TRANSPORT_LOST', message) : cause));
  }

  #finish(end: LoopEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending.abort(new PaneletError('TRANSPORT_LOST', 'Nobody waits for the session any more.'));
    this.#stopWaiting?.();
    this.#deps.events.over(end);
  }
}

function failureOf(error: PaneletError): LoopEnd {
  return { kind: 'failed', code: error.code, message: error.message, cause: error };
}

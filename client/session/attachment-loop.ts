import { Metadata, status } from '@grpc/grpc-js';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { AttachmentEnd, ClientEffect, ClientLink, ClientNext } from '#session/client/client-link.js';
import type { AttachTimes } from '../connect/attach-times.js';
import { openAttachment, type Attachment, type AttachmentResult } from './attachment.js';
import type { AddressBook } from '../connect/address-book.js';
import type { ChannelLease, ChannelPool } from '../connect/channel-pool.js';
import { dial } from '../connect/dial.js';
import { answeredElsewhere, createHomeSearch, searchSpacing } from '../connect/home-search.js';
import type { LivenessOptions } from '../connect/liveness.js';
import type { Reachability } from '../connect/reachability.js';
import { errorOfStatus, retryAdvice } from '../connect/status-errors.js';
import { attachmentEndOf, createReattachPacing, errorOfEnd, type ReattachOptions } from '../connect/reattach-policy.js';
import { answeringNodeOf, reasonOf } from '#common/grpc/grpc-status.js';

/** How a loop ended. */
export type LoopEnd = (Exclude<ClientNext, { readonly kind: 'reattach' }> | { readonly kind: 'left' }) & {
  readonly cause?: PaneletError | undefined;
};

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

/** Keeps one session attached, over as many attachments as it takes. */
export interface AttachmentLoop {
  start(): void;
  /** There may be something to send. */
  poke(): void;
  /** Leaves with a detach frame, and waits at most two seconds for the worker to see it. */
  leave(): Promise<void>;
  /** Stops at once, without a word. */
  stop(): void;
}

const leaveTimeoutMs = 2000;
const maxRefusedTokens = 5;

function failureOf(error: PaneletError): LoopEnd {
  return { kind: 'failed', code: error.code, message: error.message, cause: error };
}

/** A loop that has not started. */
export function createAttachmentLoop(deps: AttachmentLoopDeps): AttachmentLoop {
  const { link, clock, log, events } = deps;
  const pacing = createReattachPacing(deps.random, deps.reattach);
  const search = createHomeSearch();
  const searchPacing = createBackoff(deps.random, searchSpacing);
  let current: { readonly attachment: Attachment; readonly lease: ChannelLease } | undefined;
  let stopWaiting: (() => void) | undefined;
  let left: Latch<void> | undefined;
  let over = false;
  let everAttached = false;
  let node = deps.node;
  let ttlMs = Infinity;
  let attempt = 0;
  let refusedTokens = 0;
  /** When the session was last attached, or when the loop started. */
  let sinceMs = 0;

  const finish = (end: LoopEnd): void => {
    if (over) return;
    over = true;
    stopWaiting?.();
    events.over(end);
  };
  const note = (effect: ClientEffect, lease: ChannelLease): void => {
    if (effect.kind !== 'welcomed') return;
    deps.reachability.announce(lease.address);
    everAttached = true;
    attempt = 0;
    refusedTokens = 0;
    searchPacing.reset();
    if (effect.node !== '') lease.leadsTo(effect.node);
    node = effect.node === '' ? node : effect.node;
    ttlMs = effect.resumeTtlMs;
    log.debug({ sessionId: link.sessionId, incarnation: effect.incarnation, node }, 'attached');
  };
  const budgetMs = (result: AttachmentResult): number => {
    if (everAttached) return deps.times.reattachTimeoutMs ?? ttlMs;
    const answered = reasonOf(result.rpc.metadata) !== undefined;
    return answered ? (deps.times.openTimeoutMs ?? 30_000) : (deps.times.connectTimeoutMs ?? 5000);
  };
  /** The agent of another node has answered for it: nobody's word on the session. */
  const elsewhere = (result: AttachmentResult, lease: ChannelLease): PaneletError | undefined => {
    const reason = reasonOf(result.rpc.metadata);
    const isUnknown = reason === 'SESSION_UNKNOWN' || reason === 'PANEL_UNKNOWN';
    if (!isUnknown || !(everAttached || deps.resumes)) return undefined;
    return answeredElsewhere(search, lease, { answering: answeringNodeOf(result.rpc.metadata), home: node });
  };
  const again = (
    result: AttachmentResult,
    address: string,
    next: (ClientNext & { kind: 'reattach' }) & { readonly elsewhere?: PaneletError | undefined },
  ): void => {
    const error = next.elsewhere ?? result.violation ?? errorOfEnd(result.rpc, address);
    if (result.livedMs !== undefined) sinceMs = clock.nowMs();
    node = next.node === '' ? node : next.node;
    const delayMs =
      next.elsewhere === undefined ? pacing.delayMs({ ...result, afterMs: next.afterMs }) : searchPacing.nextMs();
    if (clock.nowMs() + delayMs - sinceMs > budgetMs(result)) {
      const message = `No connection to the session for too long. ${error?.message ?? ''}`.trim();
      const given = everAttached || error === undefined ? new PaneletError('TRANSPORT_LOST', message) : error;
      finish(failureOf(given));
      return;
    }
    attempt++;
    log.debug({ sessionId: link.sessionId, attempt, delayMs, err: error }, 'attaching again');
    events.reattaching({ attempt, delayMs, planned: result.ready, error });
    if (over) return;
    const mayShorten = retryAdvice(result.rpc).kind === 'none';
    stopWaiting = deps.reachability.wait({ address, delayMs, mayShorten, fire: () => void connect() });
  };
  const ended = (result: AttachmentResult, lease: ChannelLease): void => {
    current = undefined;
    // An answer with a reason shows that the connection works; after everything else a fresh one is faster.
    if (reasonOf(result.rpc.metadata) === undefined) lease.retire();
    const wrongDoor = result.violation === undefined ? elsewhere(result, lease) : undefined;
    lease.release();
    const next = link.ended(endOf(result, lease.address, wrongDoor));
    if (left !== undefined) {
      left.resolve();
      return;
    }
    const forbidden = retryAdvice(result.rpc).kind === 'never' && result.violation === undefined;
    const cause = result.violation ?? errorOfEnd(result.rpc, lease.address);
    if (next.kind !== 'reattach') finish({ ...next, cause });
    else if (forbidden) finish(failureOf(errorOfStatus(result.rpc, lease.address)));
    else again(result, lease.address, { ...next, elsewhere: wrongDoor });
  };
  const endOf = (result: AttachmentResult, address: string, wrongDoor: PaneletError | undefined): AttachmentEnd => {
    if (wrongDoor !== undefined) return { kind: 'transport' };
    if (isRefusedToken(result) && refusedTokens++ < maxRefusedTokens) return { kind: 'transport' };
    return result.violation === undefined
      ? attachmentEndOf(result.rpc, address, everAttached)
      : { kind: 'refused', code: result.violation.code, message: result.violation.message };
  };
  /** A token may die between two attempts, and the next one be another: it is asked for a few times. */
  const isRefusedToken = (result: AttachmentResult): boolean =>
    deps.tokensRotate && everAttached && reasonOf(result.rpc.metadata) === 'IDENTITY_MISSING';
  const unresolved = (error: PaneletError): void => {
    const mayCome = everAttached || error.code === 'AGENT_UNREACHABLE';
    if (!mayCome || error.code === 'CONFIG_INVALID') {
      finish(failureOf(error));
      return;
    }
    const rpc = { code: status.UNAVAILABLE, details: error.message, metadata: new Metadata() };
    const result = { rpc, violation: error, livedMs: undefined, ready: false };
    again(result, 'no address', { kind: 'reattach', afterMs: 0, backoff: true, node: '' });
  };
  const connect = async (): Promise<void> => {
    const query = { sessionId: link.sessionId, panel: deps.panel, node, attempt };
    let lease: ChannelLease;
    let metadata: Metadata;
    try {
      metadata = await deps.metadata();
      lease = await dial({
        pool: deps.pool,
        clock,
        timeoutMs: deps.times.dialTimeoutMs,
        book: deps.book,
        query,
        isWanted: () => !over,
      });
    } catch (error) {
      unresolved(PaneletError.from(error, 'AGENT_UNREACHABLE'));
      return;
    }
    if (over) lease.release();
    else attach(lease, metadata);
  };
  const attach = (lease: ChannelLease, metadata: Metadata): void => {
    const attachment = openAttachment({
      link,
      lease,
      metadata,
      nonce: deps.random.uuid(),
      clock,
      attachTimeoutMs: deps.times.attachTimeoutMs ?? 15_000,
      liveness: deps.liveness,
      received: (effects) => {
        for (const effect of effects) note(effect, lease);
        events.received(effects);
      },
      ended: (result) => ended(result, lease),
      pinged: (ms) => events.pinged(ms),
      silent: (isSilent) => events.silent(isSilent),
    });
    current = { attachment, lease };
  };
  const stop = (): void => {
    if (current !== undefined) {
      current.attachment.stop();
      current.lease.release();
      current = undefined;
    }
    finish({ kind: 'left' });
  };
  return {
    start: () => {
      sinceMs = clock.nowMs();
      void connect();
    },
    poke: () => current?.attachment.poke(),
    leave: async () => {
      if (over) return;
      if (current !== undefined && link.attached) {
        left = createLatch();
        const timer = clock.after(leaveTimeoutMs, () => left?.resolve());
        current.attachment.leave();
        await left.promise;
        timer.stop();
      }
      stop();
    },
    stop,
  };
}

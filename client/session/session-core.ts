import type { Clock } from '#common/time/clock.js';
import { durationToMs } from '#common/time/duration.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { DrainPhase, ResumeOutcome, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from '#session/client/client-link.js';
import type { ClientLog } from '../connect/client-log.js';
import type { AttachmentEvents, AttachmentLoop } from './attachment-loop.js';
import { closedErrorOf } from './closed-error.js';
import { Inbox } from './inbox.js';
import { sessionEndOf, type LoopEnd } from './loop-end.js';
import { Outbox, type OutboxEntry } from './outbox.js';
import type { SessionEnd, SessionPhase, SessionStats } from './panelet-session.js';
import { createSessionEmitter, type Fate, type SessionEmitter, type SessionEventMap } from './session-events.js';
import { SessionTally } from './session-tally.js';
import { FlushWaits } from './flush-waits.js';

/** What a session is made with. */
export interface SessionDeps {
  readonly link: ClientLink;
  readonly panel: string;
  /** What happens when frames are lost: go on, told; or end with SESSION_LOST. */
  readonly onLoss: 'continue' | 'end';
  readonly clock: Clock;
  readonly log: ClientLog;
  readonly loop: (events: AttachmentEvents) => AttachmentLoop;
  /** Ends the session at the agent of its node; `''` when that is not known. */
  readonly endSession: (node: string) => Promise<void>;
}

const fates: Readonly<Partial<Record<SessionFate, Fate>>> = {
  [SessionFate.KEPT]: 'kept',
  [SessionFate.CHECKPOINTED]: 'checkpointed',
  [SessionFate.ENDS]: 'ends',
};

/**
 * The inside of a session: what happens to it, and what is known of it. Puts link, loop, inbox and outbox together; does not start
 * the loop.
 */
export class SessionCore {
  readonly loop: AttachmentLoop;
  readonly inbox: Inbox;
  readonly emitter: SessionEmitter;
  readonly #deps: SessionDeps;
  readonly #outbox = new Outbox();
  readonly #flushWaits: FlushWaits;
  readonly #tally: SessionTally;
  readonly #opened = createLatch();
  readonly #closed = createLatch<SessionEnd>();
  /** This client has asked for the end: it need not be told of it. */
  isEndAskedHere = false;
  #phase: SessionPhase = 'reattaching';
  #end: SessionEnd | undefined;
  #everAttached = false;
  /** Attempts to attach since the attachment was lost. */
  #attempts = 0;
  #home = { node: '', ttlMs: 0 };

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    const { link, clock, log } = deps;
    this.emitter = createSessionEmitter((err) => log.error({ err }, 'A listener failed'));
    this.inbox = new Inbox({ endpoint: () => link.endpoint, onRead: () => this.loop.poke() });
    this.#flushWaits = new FlushWaits(() => this.#outbox.empty && link.endpoint.unackedCount() === 0);
    this.#tally = new SessionTally(link, clock);
    this.loop = deps.loop({
      received: (effects) => this.#received(effects),
      reattaching: (event) => this.#reattaching(event),
      pinged: (ms) => this.#tally.pinged(ms),
      silent: (isSilent) => this.emitter.emit('silent', { isSilent }),
      over: (end) => this.#loopOver(end),
    });
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** How it ended; undefined as long as it has not. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Resolves with the first welcome; rejects when the session cannot be opened. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get closed(): Promise<SessionEnd> {
    return this.#closed.promise;
  }

  /** Where the session lives, and how long it is kept, as of the last welcome. */
  get home(): { readonly node: string; readonly ttlMs: number } {
    return this.#home;
  }

  /** Takes something to write. */
  add(entry: OutboxEntry): Promise<void> {
    const taken = this.#outbox.add(entry);
    this.#pump();
    return taken;
  }

  /** Resolves once everything written is acknowledged. */
  flushed(): Promise<void> {
    const waited = this.#flushWaits.wait();
    if (this.#end !== undefined) this.#flushWaits.reject(closedErrorOf(this.#end));
    return waited;
  }

  /** Ends it here, unless it has ended before. */
  finish(end: SessionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#phase = 'closed';
    const reason = closedErrorOf(end);
    this.#outbox.close(reason);
    this.#flushWaits.reject(reason);
    this.#opened.reject(reason);
    this.inbox.close(end.kind === 'failed' ? end.error : undefined, this.#isTold(end) ? end : undefined);
    this.#closed.resolve(end);
  }

  stats(): SessionStats {
    return { ...this.#tally.stats(), bytesIn: this.inbox.bytesIn, bytesOut: this.#outbox.bytesOut };
  }

  #received(effects: readonly ClientEffect[]): void {
    for (const effect of effects) if (this.#end === undefined) this.#act(effect);
    this.#pump();
    this.inbox.wake();
  }

  #act(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'welcomed':
        this.#welcomed(effect);
        return;
      case 'lost':
        this.#lost(effect);
        return;
      case 'drain':
        tellDrain(effect.drain, this.emitter);
        return;
      case 'snapshot':
        this.#takeSnapshot(effect);
        return;
      case 'detach':
      case 'move':
      case 'send':
      case 'pong':
        return;
    }
  }

  #welcomed(effect: ClientEffect & { kind: 'welcomed' }): void {
    this.#tally.followEndpoint();
    this.#home = { node: effect.node, ttlMs: effect.resumeTtlMs };
    if (effect.reset) {
      this.inbox.putUnread(effect.leftover);
      this.#outbox.dropPartial(new PaneletError('SESSION_LOST', 'Part of this write is lost; the rest was not sent.'));
    }
    const { node, incarnation } = effect;
    this.#phase = 'attached';
    if (effect.moved) {
      this.#tally.moved();
      this.emitter.emit('moved', { node, incarnation });
    } else if (this.#everAttached) {
      const gapMs = this.#tally.resumed();
      const exact = effect.outcome === ResumeOutcome.EXACT;
      this.emitter.emit('resumed', { gapMs, attempts: this.#attempts, exact, incarnation });
    }
    this.#everAttached = true;
    this.#attempts = 0;
    this.#opened.resolve();
  }

  #lost({ loss }: ClientEffect & { kind: 'lost' }): void {
    this.#tally.lost();
    this.inbox.put({ kind: 'lost', loss });
    this.emitter.emit('lost', loss);
    const error = new PaneletError('SESSION_LOST', `Part of the session is lost. ${loss.message}`.trim());
    if (loss.input !== undefined) this.#flushWaits.reject(error);
    if (this.#deps.onLoss === 'continue') return;
    this.finish({ kind: 'failed', error });
    this.loop.stop();
  }

  #takeSnapshot({ throughSeq, contentType, bytes }: ClientEffect & { kind: 'snapshot' }): void {
    this.inbox.dropOutput();
    this.inbox.put({ kind: 'snapshot', throughSeq, contentType, payload: bytes });
    this.emitter.emit('snapshot', { throughSeq, contentType, sizeBytes: bytes.length });
  }

  #pump(): void {
    if (!this.#everAttached || this.#end !== undefined) return;
    if (this.#outbox.pump(this.#deps.link.endpoint)) this.loop.poke();
    this.#flushWaits.check();
  }

  #reattaching(event: SessionEventMap['reattaching']): void {
    if (this.#phase === 'attached') this.#tally.away();
    this.#phase = 'reattaching';
    this.#attempts = event.attempt;
    this.emitter.emit('reattaching', event);
  }

  #loopOver(end: LoopEnd): void {
    if (this.#end !== undefined) return;
    if (end.kind === 'superseded') this.emitter.emit('superseded', { message: end.message });
    this.finish(sessionEndOf(end));
  }

  /** True where the output stops in the middle, and not because it was wished here. */
  #isTold(end: SessionEnd): end is SessionEnd & { readonly kind: 'ended' } {
    if (end.kind !== 'ended' || end.cause === 'finished' || end.cause === 'unknown') return false;
    return end.cause !== 'asked' || !this.isEndAskedHere;
  }
}

/** Says what a drain means for the session; READY needs no word, what follows it does. */
function tellDrain(frame: Drain, emitter: SessionEmitter): void {
  const fate = fates[frame.fate] ?? 'unknown';
  const { reason } = frame;
  const remainingMs = durationToMs(frame.remaining, 0);
  if (frame.phase === DrainPhase.NOTICE) emitter.emit('notice', { phase: 'notice', reason, remainingMs, fate });
  if (frame.phase === DrainPhase.CANCELLED) emitter.emit('notice', { phase: 'cancelled', reason, remainingMs, fate });
  if (frame.phase === DrainPhase.FREEZE) emitter.emit('frozen', { reason, fate });
}

import type { Clock } from '#common/time/clock.js';
import { durationToMs } from '#common/time/duration.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import { DrainPhase, EndCause, ResumeOutcome, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from '#session/client/client-link.js';
import type { AttachmentEvents, AttachmentLoop, LoopEnd } from './attachment-loop.js';
import { Inbox } from './inbox.js';
import { Outbox, type OutboxEntry } from './outbox.js';
import type { EndedBy, SessionEnd, SessionEnding, SessionPhase, SessionStats } from './panelet-session.js';
import { createSessionEmitter, type Fate, type SessionEmitter } from './session-events.js';

/** What a session is made with. */
export interface SessionDeps {
  readonly link: ClientLink;
  readonly panel: string;
  /** What happens when frames are lost: go on, told; or end with SESSION_LOST. */
  readonly onLoss: 'continue' | 'end';
  readonly clock: Clock;
  readonly log: Log;
  readonly loop: (events: AttachmentEvents) => AttachmentLoop;
  /** Ends the session at the agent of its node; `''` when that is not known. */
  readonly endSession: (node: string) => Promise<void>;
}

/** The inside of a session: what happens to it, and what is known of it. */
export interface SessionCore {
  readonly loop: AttachmentLoop;
  readonly inbox: Inbox;
  readonly emitter: SessionEmitter;
  readonly phase: SessionPhase;
  /** What the worker said when it ended the session. */
  readonly ending: SessionEnding | undefined;
  readonly failure: PaneletError | undefined;
  /** Resolves with the first welcome; rejects when the session cannot be opened. */
  readonly opened: Promise<void>;
  readonly over: Promise<SessionEnd>;
  /** Where the session lives, and how long it is kept, as of the last welcome. */
  readonly home: { readonly node: string; readonly ttlMs: number };
  /** Takes something to write. */
  add(entry: OutboxEntry): Promise<void>;
  settled(): Promise<void>;
  /** This client asks for the end: it need not be told of it. */
  expectEnd(): void;
  finish(end: SessionEnd, error?: PaneletError): void;
  stats(): SessionStats;
}

const keptGaps = 1000;

const fates: Readonly<Partial<Record<SessionFate, Fate>>> = {
  [SessionFate.KEPT]: 'kept',
  [SessionFate.CHECKPOINTED]: 'checkpointed',
  [SessionFate.ENDS]: 'ends',
};

const causes: Readonly<Partial<Record<EndCause, EndedBy>>> = {
  [EndCause.FINISHED]: 'finished',
  [EndCause.ASKED]: 'asked',
  [EndCause.EXPIRED]: 'expired',
  [EndCause.LIMIT]: 'limit',
  [EndCause.FAILED]: 'failed',
  [EndCause.FORCED]: 'forced',
};

function endingOf(end: LoopEnd): SessionEnding | undefined {
  if (end.kind !== 'ended' || end.code !== undefined) return undefined;
  return { cause: causes[end.endCause ?? EndCause.UNSPECIFIED] ?? 'unknown', message: end.message };
}

/** True where the output stops in the middle. */
function isUntimely(ending: SessionEnding | undefined): ending is SessionEnding {
  return ending !== undefined && ending.cause !== 'finished' && ending.cause !== 'unknown';
}

const sessionOver = 'The session is over. Open a new one.';

function errorOfLoopEnd(end: LoopEnd): PaneletError | undefined {
  switch (end.kind) {
    case 'left':
      return undefined;
    case 'superseded': {
      const message = 'Another client has taken the session over. Attach again with takeover to have it back.';
      return new PaneletError('ATTACH_SUPERSEDED', message);
    }
    case 'ended':
      return end.code === undefined ? undefined : new PaneletError(end.code, end.message, { cause: end.cause });
    case 'failed':
      return new PaneletError(end.code, end.message, { cause: end.cause });
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

/** The waits for everything written to be acknowledged. */
function createSettling(isSettled: () => boolean): {
  wait(): Promise<void>;
  check(): void;
  reject(error: PaneletError): void;
} {
  let waiting: Latch<void>[] = [];
  const all = (act: (latch: Latch<void>) => void): void => {
    const latches = waiting;
    waiting = [];
    latches.forEach(act);
  };
  return {
    wait: () => {
      if (isSettled()) return Promise.resolve();
      const latch = createLatch();
      waiting.push(latch);
      return latch.promise;
    },
    check: () => {
      if (isSettled()) all((latch) => latch.resolve());
    },
    reject: (error) => all((latch) => latch.reject(error)),
  };
}

/** Puts link, loop, inbox and outbox together. Does not start the loop. */
export function createSessionCore(deps: SessionDeps): SessionCore {
  const { link, clock } = deps;
  const emitter = createSessionEmitter((err) => deps.log.error({ err }, 'a listener failed'));
  const opened = createLatch();
  const over = createLatch<SessionEnd>();
  const outbox = new Outbox();
  const inbox = new Inbox({ endpoint: () => link.endpoint, onRead: () => loop.poke() });
  const settling = createSettling(() => outbox.empty && link.endpoint.unackedCount() === 0);
  let phase: SessionPhase = 'reattaching';
  let failure: PaneletError | undefined;
  let ending: SessionEnding | undefined;
  let isAskedHere = false;
  let everAttached = false;
  let awaySinceMs = 0;
  let attempts = 0;
  let home = { node: '', ttlMs: 0 };
  let gapsMs: number[] = [];
  let resumes = 0;
  let losses = 0;
  let pingMs: number | undefined;
  // Of endpoints that were replaced.
  let earlierDuplicates = 0;
  let { endpoint } = link;

  const finish = (end: SessionEnd, error?: PaneletError): void => {
    if (over.settled) return;
    phase = 'over';
    failure = error;
    const reason = error ?? new PaneletError('SESSION_ENDED', sessionOver);
    outbox.close(reason);
    settling.reject(reason);
    opened.reject(reason);
    inbox.close(error, isUntimely(ending) ? { kind: 'ended', ...ending } : undefined);
    over.resolve(end);
  };
  const pump = (): void => {
    if (!everAttached || phase === 'over') return;
    if (outbox.pump(link.endpoint)) loop.poke();
    settling.check();
  };
  const welcomed = (effect: ClientEffect & { kind: 'welcomed' }): void => {
    if (link.endpoint !== endpoint) {
      earlierDuplicates += endpoint.duplicates;
      endpoint = link.endpoint;
    }
    home = { node: effect.node, ttlMs: effect.resumeTtlMs };
    if (effect.reset) {
      inbox.putUnread(effect.leftover);
      outbox.dropPartial(new PaneletError('SESSION_LOST', 'Part of this write is lost; the rest was not sent.'));
    }
    phase = 'attached';
    if (everAttached) {
      const gapMs = clock.nowMs() - awaySinceMs;
      gapsMs = [...gapsMs, gapMs].slice(-keptGaps);
      resumes++;
      const exact = effect.outcome === ResumeOutcome.EXACT;
      emitter.emit('resumed', { gapMs, attempts, exact, incarnation: effect.incarnation });
    }
    everAttached = true;
    attempts = 0;
    opened.resolve();
  };
  const lost = ({ loss }: ClientEffect & { kind: 'lost' }): void => {
    losses++;
    inbox.put({ kind: 'lost', loss });
    emitter.emit('lost', loss);
    const error = new PaneletError('SESSION_LOST', `Part of the session is lost. ${loss.message}`.trim());
    if (loss.input !== undefined) settling.reject(error);
    if (deps.onLoss === 'continue') return;
    finish('failed', error);
    loop.stop();
  };
  const act = (effect: ClientEffect): void => {
    switch (effect.kind) {
      case 'welcomed':
        welcomed(effect);
        return;
      case 'lost':
        lost(effect);
        return;
      case 'drain':
        tellDrain(effect.drain, emitter);
        return;
      case 'snapshot': {
        const { throughSeq, contentType, bytes } = effect;
        inbox.dropOutput();
        inbox.put({ kind: 'snapshot', throughSeq, contentType, payload: bytes });
        emitter.emit('snapshot', { throughSeq, contentType, sizeBytes: bytes.length });
        return;
      }
      case 'detach':
      case 'send':
      case 'pong':
        return;
    }
  };
  const loop = deps.loop({
    received: (effects) => {
      for (const effect of effects) if (phase !== 'over') act(effect);
      pump();
      inbox.wake();
    },
    reattaching: (event) => {
      if (phase === 'attached') awaySinceMs = clock.nowMs();
      phase = 'reattaching';
      attempts = event.attempt;
      emitter.emit('reattaching', event);
    },
    pinged: (ms) => {
      pingMs = ms;
    },
    silent: (isSilent) => emitter.emit('silent', { isSilent }),
    over: (end) => {
      if (over.settled) return;
      const error = errorOfLoopEnd(end);
      const told = endingOf(end);
      ending = isAskedHere && told?.cause === 'asked' ? undefined : told;
      if (end.kind === 'superseded') emitter.emit('superseded', { message: end.message });
      finish(error !== undefined ? 'failed' : end.kind === 'left' ? 'detached' : 'ended', error);
    },
  });
  return {
    loop,
    inbox,
    emitter,
    get phase() {
      return phase;
    },
    get ending() {
      return ending;
    },
    get failure() {
      return failure;
    },
    opened: opened.promise,
    over: over.promise,
    get home() {
      return home;
    },
    add: (entry) => {
      const taken = outbox.add(entry);
      pump();
      return taken;
    },
    settled: () => {
      const waited = settling.wait();
      if (phase === 'over') settling.reject(failure ?? new PaneletError('SESSION_ENDED', sessionOver));
      return waited;
    },
    expectEnd: () => {
      isAskedHere = true;
    },
    finish,
    stats: () => ({
      gapsMs,
      resumes,
      duplicates: earlierDuplicates + link.endpoint.duplicates,
      bytesIn: inbox.bytesIn,
      bytesOut: outbox.bytesOut,
      losses,
      pingMs,
    }),
  };
}

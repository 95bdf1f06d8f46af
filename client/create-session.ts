import type { Clock } from '#common/clock.js';
import { durationToMs } from '#common/duration.js';
import { PaneletError } from '#common/errors.js';
import { createLatch, type Latch } from '#common/latch.js';
import type { Log } from '#common/log.js';
import { Channel, DrainPhase, Event, ResumeOutcome, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { ClientEffect, ClientLink } from '#session/client-link.js';
import { defaultLimits } from '#session/limits.js';
import type { AttachmentEvents, AttachmentLoop, LoopEnd } from './attachment-loop.js';
import { createInbox } from './inbox.js';
import { createOutbox, type OutboxEntry } from './outbox.js';
import type { PaneletSession, SessionEnd, SessionItem, SessionPhase } from './panelet-session.js';
import { createSessionEmitter, type Fate } from './session-events.js';

/** What a session is made with. */
export interface SessionDeps {
  readonly link: ClientLink;
  readonly panel: string;
  /** What happens when frames are lost: go on, told; or end with SESSION_LOST. */
  readonly onLoss: 'continue' | 'end';
  readonly clock: Clock;
  readonly log: Log;
  readonly loop: (events: AttachmentEvents) => AttachmentLoop;
  /** Ends the session at the agent. */
  readonly endSession: () => Promise<void>;
}

/** A session, and the promise of its first attachment. */
export interface StartedSession {
  readonly session: PaneletSession;
  /** Resolves with the first welcome. @throws PaneletError when the session cannot be opened. */
  readonly opened: Promise<void>;
}

const keptGaps = 1000;

function fateOf(fate: SessionFate): Fate {
  switch (fate) {
    case SessionFate.KEPT:
      return 'kept';
    case SessionFate.CHECKPOINTED:
      return 'checkpointed';
    case SessionFate.ENDS:
      return 'ends';
    default:
      return 'unknown';
  }
}

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

/** Starts a session: puts link, loop, inbox and outbox together. */
export function startSession(deps: SessionDeps): StartedSession {
  const { link, clock } = deps;
  const emitter = createSessionEmitter((err) => deps.log.error({ err }, 'a listener failed'));
  const opened = createLatch();
  const over = createLatch<SessionEnd>();
  const outbox = createOutbox();
  const inbox = createInbox({ endpoint: () => link.endpoint, onRead: () => loop.poke() });
  let settling: Latch<void>[] = [];
  let phase: SessionPhase = 'reattaching';
  let failure: PaneletError | undefined;
  let everAttached = false;
  let lostAtMs = 0;
  let attempts = 0;
  let gapsMs: number[] = [];
  let resumes = 0;
  let losses = 0;
  let duplicates = 0;
  let pingMs: number | undefined;
  let resume = { node: '', ttlMs: 0 };
  let endpoint = link.endpoint;

  const finish = (end: SessionEnd, error?: PaneletError): void => {
    if (over.settled) return;
    phase = 'over';
    failure = error;
    const reason = error ?? new PaneletError('SESSION_ENDED', 'The session is over. Open a new one.');
    outbox.close(reason);
    for (const latch of settling.splice(0)) latch.reject(reason);
    opened.reject(reason);
    inbox.close(error);
    over.resolve(end);
  };
  const isSettled = (): boolean => outbox.empty && link.endpoint.unackedCount() === 0;
  const pump = (): void => {
    if (!everAttached || phase === 'over') return;
    if (outbox.pump(link.endpoint)) loop.poke();
    if (isSettled()) for (const latch of settling.splice(0)) latch.resolve();
  };
  const welcomed = (effect: ClientEffect & { kind: 'welcomed' }): void => {
    if (link.endpoint !== endpoint) {
      duplicates += endpoint.duplicates;
      endpoint = link.endpoint;
    }
    resume = { node: effect.node, ttlMs: effect.resumeTtlMs };
    if (effect.reset) {
      inbox.putUnread(effect.leftover);
      outbox.dropPartial(new PaneletError('SESSION_LOST', 'Part of this write is lost; the rest was not sent.'));
    }
    phase = 'attached';
    if (everAttached) {
      const gapMs = clock.nowMs() - lostAtMs;
      gapsMs = [...gapsMs, gapMs].slice(-keptGaps);
      resumes++;
      const exact = effect.outcome === ResumeOutcome.EXACT;
      emitter.emit('resumed', { gapMs, attempts, exact, incarnation: effect.incarnation });
    }
    everAttached = true;
    attempts = 0;
    opened.resolve();
  };
  const lost = (effect: ClientEffect & { kind: 'lost' }): void => {
    losses++;
    inbox.put({ kind: 'lost', loss: effect.loss });
    emitter.emit('lost', effect.loss);
    const error = new PaneletError('SESSION_LOST', `Part of the session is lost. ${effect.loss.message}`.trim());
    if (effect.loss.input !== undefined) for (const latch of settling.splice(0)) latch.reject(error);
    if (deps.onLoss === 'end') {
      finish('failed', error);
      loop.stop();
    }
  };
  const drain = (frame: Drain): void => {
    const fate = fateOf(frame.fate);
    const remainingMs = durationToMs(frame.remaining, 0);
    if (frame.phase === DrainPhase.NOTICE) {
      emitter.emit('notice', { phase: 'notice', reason: frame.reason, remainingMs, fate });
    } else if (frame.phase === DrainPhase.CANCELLED) {
      emitter.emit('notice', { phase: 'cancelled', reason: frame.reason, remainingMs, fate });
    } else if (frame.phase === DrainPhase.FREEZE) {
      emitter.emit('frozen', { reason: frame.reason, fate });
    }
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
        drain(effect.drain);
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
      if (everAttached && phase === 'attached') lostAtMs = clock.nowMs();
      phase = 'reattaching';
      attempts = event.attempt;
      emitter.emit('reattaching', event);
    },
    pinged: (ms) => {
      pingMs = ms;
    },
    over: (end) => {
      if (over.settled) return;
      const error = errorOfLoopEnd(end);
      if (end.kind === 'superseded') emitter.emit('superseded', { message: end.message });
      if (error !== undefined) finish('failed', error);
      else finish(end.kind === 'left' ? 'detached' : 'ended');
    },
  });
  const add = (entry: OutboxEntry): Promise<void> => {
    const taken = outbox.add(entry);
    pump();
    return taken;
  };
  const addEvent = (event: Event): Promise<void> => {
    const sizeBytes = Event.encode(event).finish().length;
    if (sizeBytes <= defaultLimits.maxEventBytes) return add({ kind: 'event', event });
    const message = `An event has at most ${defaultLimits.maxEventBytes} bytes; this one has ${sizeBytes}. Send it as data.`;
    return Promise.reject(new PaneletError('LIMIT_EXCEEDED', message));
  };
  const session: PaneletSession = {
    sessionId: link.sessionId,
    panel: deps.panel,
    get phase() {
      return phase;
    },
    over: over.promise,
    get failure() {
      return failure;
    },
    write: (bytes, options) => {
      const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      return add({ kind: 'data', channel: options?.channel ?? Channel.STDIN, bytes: data });
    },
    resize: (size) => {
      addEvent({ kind: { $case: 'resize', value: size } }).catch(() => undefined);
    },
    signal: (name) => addEvent({ kind: { $case: 'signal', value: { name } } }),
    send: (name, payload) => addEvent({ kind: { $case: 'panel', value: { name, payload: Buffer.from(payload) } } }),
    end: () => add({ kind: 'fin' }),
    settled: () => {
      if (isSettled()) return Promise.resolve();
      if (phase === 'over') {
        return Promise.reject(
          failure ?? new PaneletError('SESSION_ENDED', 'The session ended before all was acknowledged.'),
        );
      }
      const latch = createLatch();
      settling = [...settling, latch];
      return latch.promise;
    },
    on: (name, listener) => emitter.on(name, listener),
    detach: async () => {
      await loop.leave();
      finish('detached');
      emitter.emit('detached', { message: 'left; the session is kept' });
    },
    close: async () => {
      if (phase === 'over') return;
      await deps.endSession();
      finish('ended');
      loop.stop();
    },
    stats: () => ({
      gapsMs,
      resumes,
      duplicates: duplicates + link.endpoint.duplicates,
      bytesIn: inbox.bytesIn,
      bytesOut: outbox.bytesOut,
      losses,
      pingMs,
    }),
    resumeState: () => ({
      sessionId: link.sessionId,
      panel: deps.panel,
      resumeToken: Buffer.from(link.resumeToken).toString('base64'),
      incarnation: link.incarnation,
      ...resume,
    }),
    [Symbol.asyncIterator]: (): AsyncIterator<SessionItem> => ({
      next: async () => {
        const value = await inbox.next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
    }),
  };
  loop.start();
  return { session, opened: opened.promise };
}

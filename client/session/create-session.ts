import { PaneletError } from '#common/errors/errors.js';
import { Channel, Event } from '#proto/session/v1/session.js';
import { defaultLimits } from '#session/codec/limits.js';
import { Departure } from './departure.js';
import { createOutputStreams, type OutputStreams } from './output-streams.js';
import type { PaneletSession, SessionItem } from './panelet-session.js';
import { SessionCore, type SessionDeps } from './session-core.js';

/** A session, and the promise of its first attachment. */
export interface StartedSession {
  readonly session: PaneletSession;
  /** Resolves with the first welcome. @throws PaneletError when the session cannot be opened. */
  readonly opened: Promise<void>;
}

/** Starts a session. */
export function startSession(deps: SessionDeps): StartedSession {
  const { link, panel } = deps;
  const core = new SessionCore(deps);
  const reading = createReading(core);
  const departure = new Departure(core, deps.endSession);
  const session: PaneletSession = {
    sessionId: link.sessionId,
    panel,
    get phase() {
      return core.phase;
    },
    get stdout() {
      return reading.streams().stdout;
    },
    get stderr() {
      return reading.streams().stderr;
    },
    get exit() {
      return reading.streams().exit;
    },
    closed: core.closed,
    write: (bytes, options) => write(core, bytes, options?.channel),
    resize: (size) => {
      addEvent(core, { kind: { $case: 'resize', value: size } }).catch(() => undefined);
    },
    signal: (name) => addEvent(core, { kind: { $case: 'signal', value: { name } } }),
    send: (name, payload) =>
      addEvent(core, { kind: { $case: 'panel', value: { name, payload: Buffer.from(payload) } } }),
    end: () => core.add({ kind: 'fin' }),
    flushed: () => core.flushed(),
    on: (name, listener) => core.emitter.on(name, listener),
    detach: () => departure.detach(),
    terminate: () => departure.terminate(),
    [Symbol.asyncDispose]: () => departure.detach(),
    stats: () => core.stats(),
    resumeState: () => ({
      sessionId: link.sessionId,
      panel,
      resumeToken: Buffer.from(link.resumeToken).toString('base64'),
      incarnation: link.incarnation,
      ...core.home,
    }),
    [Symbol.asyncIterator]: () => reading.iterate(),
  };
  core.loop.start();
  return { session, opened: core.opened };
}

function write(core: SessionCore, bytes: Uint8Array | string, channel: Channel = Channel.STDIN): Promise<void> {
  return core.add({ kind: 'data', channel, bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes });
}

function addEvent(core: SessionCore, event: Event): Promise<void> {
  const sizeBytes = Event.encode(event).finish().length;
  if (sizeBytes <= defaultLimits.maxEventBytes) return core.add({ kind: 'event', event });
  const message = `An event has at most ${defaultLimits.maxEventBytes} bytes; this one has ${sizeBytes}. Send it as data.`;
  return Promise.reject(new PaneletError('LIMIT_EXCEEDED', message));
}

/** The two ways to read, of which a session takes one. */
function createReading(core: SessionCore): { iterate(): AsyncIterator<SessionItem>; streams(): OutputStreams } {
  let streams: OutputStreams | undefined;
  let isIterated = false;
  const refuse = (instead: string): never => {
    throw new PaneletError('CONFIG_INVALID', `A session is iterated, or read by its streams, not both. ${instead}`);
  };
  return {
    iterate: () => {
      if (streams !== undefined) refuse('Read stdout and stderr.');
      isIterated = true;
      return iterate(core);
    },
    streams: () => {
      if (isIterated) refuse('Take the items of the iteration.');
      streams ??= createOutputStreams({ [Symbol.asyncIterator]: () => iterate(core) });
      return streams;
    },
  };
}

function iterate(core: SessionCore): AsyncIterator<SessionItem> {
  return {
    next: async () => {
      const value = await core.inbox.next();
      return value === undefined ? { done: true, value } : { done: false, value };
    },
  };
}

import { PaneletError } from '#common/errors/errors.js';
import { Event } from '#proto/session/v1/session.js';
import type { ClientLink } from '#session/client/client-link.js';
import { defaultLimits } from '#session/codec/limits.js';
import { channelNumberOf, type WriteChannel } from './channels.js';
import { Departure } from './departure.js';
import type { PaneletSession, ResumeState } from './panelet-session.js';
import { Reading } from './reading.js';
import { SessionCore, type SessionDeps } from './session-core.js';
import { createWritableStream } from './web-streams.js';

/** A session, and the promise of its first attachment. */
export interface StartedSession {
  readonly session: PaneletSession;
  /** Resolves with the first welcome. @throws PaneletError when the session cannot be opened. */
  readonly opened: Promise<void>;
}

/** Starts a session. */
export function startSession(deps: SessionDeps): StartedSession {
  const core = new SessionCore(deps);
  const session = faceOf(core, deps);
  core.loop.start();
  return { session, opened: core.opened };
}

/** What its user has of a session. */
function faceOf(core: SessionCore, { link, panel, endSession }: SessionDeps): PaneletSession {
  const reading = new Reading(core);
  const departure = new Departure(core, endSession);
  let writable: PaneletSession['writable'] | undefined;
  return {
    sessionId: link.sessionId,
    panel,
    get phase() {
      return core.phase;
    },
    get stdout() {
      return reading.streams.stdout;
    },
    get stderr() {
      return reading.streams.stderr;
    },
    get exit() {
      return reading.streams.exit;
    },
    get readable() {
      return reading.readable;
    },
    get writable() {
      return (writable ??= createWritableStream(core, (bytes) => write(core, bytes)));
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
    resumeState: () => resumeStateOf(core, link, panel),
    [Symbol.asyncIterator]: () => reading.iterate(),
  };
}

function resumeStateOf(
  core: SessionCore,
  { sessionId, resumeToken, incarnation }: ClientLink,
  panel: string,
): ResumeState {
  const token = Buffer.from(resumeToken).toString('base64');
  return { sessionId, panel, resumeToken: token, incarnation, ...core.home };
}

function write(core: SessionCore, data: Uint8Array | string, channel: WriteChannel = 'stdin'): Promise<void> {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return core.add({ kind: 'data', channel: channelNumberOf(channel), bytes });
}

function addEvent(core: SessionCore, event: Event): Promise<void> {
  const sizeBytes = Event.encode(event).finish().length;
  if (sizeBytes <= defaultLimits.maxEventBytes) return core.add({ kind: 'event', event });
  const problem = `An event has at most ${defaultLimits.maxEventBytes} bytes; this one has ${sizeBytes}.`;
  return Promise.reject(new PaneletError('LIMIT_EXCEEDED', problem, { advice: 'Send it as data.' }));
}

import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '#common/clock.js';
import { PaneletError, isPaneletError } from '#common/errors.js';
import { createLatch } from '#common/latch.js';
import { statusNameOf } from '#common/grpc-status.js';
import { asError } from '../changes.js';
import { AttachMode } from '#proto/session/v1/session.js';
import { createFirstMessage, type FirstMessage } from './first-message.js';
import { upstreamHeaders, workerIdentity } from './headers.js';
import type { Caller } from './identity.js';
import { relay } from './relay.js';
import type { Upstream } from './upstream.js';

/** Finds the worker of a panel. */
export interface AttachTargets {
  /**
   * Resolves with the way to the panel's worker as soon as it takes attachments.
   * @throws PaneletError PANEL_UNKNOWN at once; the signal's reason when it aborts.
   */
  ready(panel: string, signal: AbortSignal): Promise<Upstream>;
}

/** What is asked for by an Attach. */
export interface AttachWish {
  readonly panel: string;
  readonly sessionId: string;
  /** True for an attachment that may only resume a session. */
  readonly resumes: boolean;
}

/** What an Attach handler needs. */
export interface AttachDeps {
  readonly clock: Clock;
  readonly targets: AttachTargets;
  /**
   * Resolves when the caller may attach that way.
   * @throws PaneletError IDENTITY_REFUSED; API_UNAVAILABLE when nobody can say.
   */
  readonly permit: (call: AttachCall, wish: AttachWish) => Promise<void>;
  /** Told how each attempt went: the name of a gRPC status, OK once the relay has begun. */
  readonly onOutcome?: (panel: string, code: string) => void;
  /** Time for the first message. */
  readonly helloTimeoutMs: number;
  /** Time to wait for a worker that is not up. */
  readonly holdMs: number;
  /** Most attaches that wait for a first message or a worker. */
  readonly maxPendingAttaches: number;
}

/** One Attach, with its caller verified. */
export interface AttachCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly caller: Caller;
  readonly remoteAddress: string | undefined;
}

const panelName = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** Largest first message; the same as the protocol's largest message. */
export const maxFirstMessageBytes = 128 * 1024;

/**
 * Handler of Attach: reads the Hello, waits for the panel's worker, then relays.
 * The promise rejects with a PaneletError that is still to be told to the client; it resolves when the relay has begun
 * or the client has gone.
 */
export function createAttachHandler(deps: AttachDeps): (call: AttachCall) => Promise<void> {
  let pending = 0;
  return async (call) => {
    if (pending >= deps.maxPendingAttaches) {
      throw new PaneletError('LIMIT_EXCEEDED', 'Too many clients wait to be attached. Try again.');
    }
    pending++;
    const gone = new AbortController();
    const leave = (): void => gone.abort(new PaneletError('TRANSPORT_LOST', 'The client has gone.'));
    call.stream.once('aborted', leave);
    call.stream.once('close', leave);
    const seen = { panel: '' };
    try {
      await attach(deps, call, { gone, seen });
      deps.onOutcome?.(seen.panel, 'OK');
    } catch (error) {
      deps.onOutcome?.(seen.panel, statusNameOf(error));
      if (!call.stream.closed && !call.stream.destroyed) throw error;
    } finally {
      pending--;
      // A session lives for hours; what only the waiting needed must not.
      call.stream.off('aborted', leave);
      call.stream.off('close', leave);
    }
  };
}

interface Attempt {
  readonly gone: AbortController;
  /** The panel, once its name is known. */
  readonly seen: { panel: string };
}

async function attach(deps: AttachDeps, call: AttachCall, { gone, seen }: Attempt): Promise<void> {
  const first = await withDeadline(deps.clock, deps.helloTimeoutMs, gone, {
    error: () => new PaneletError('FRAME_INVALID', 'No complete Hello arrived in time.'),
    run: (signal) => readFirstMessage(call, signal),
  });
  const { panel, sessionId, mode } = first.hello();
  if (!panelName.test(panel)) throw new PaneletError('PANEL_UNKNOWN', 'This is not the name of a panel.');
  seen.panel = panel;
  const resumes = mode === AttachMode.RESUME;
  await withDeadline(deps.clock, deps.holdMs, gone, {
    error: () => new PaneletError('API_UNAVAILABLE', 'Nobody decided in time whether this is allowed. Try again.'),
    run: () => deps.permit(call, { panel, sessionId, resumes }),
  });
  const upstream = await withDeadline(deps.clock, deps.holdMs, gone, {
    error: () => new PaneletError('WORKER_UNAVAILABLE', `The worker of panel "${panel}" is not up. Try again.`),
    run: (signal) => openWhenReady(deps, call, { panel, signal }),
  });
  if (call.stream.destroyed || call.stream.closed) upstream.close(constants.NGHTTP2_CANCEL);
  else relay({ client: call.stream, upstream, head: first.bytes() });
}

interface Wanted {
  readonly panel: string;
  readonly signal: AbortSignal;
}

async function openWhenReady(
  deps: AttachDeps,
  call: AttachCall,
  { panel, signal }: Wanted,
): Promise<ClientHttp2Stream> {
  const headers = { ...upstreamHeaders(call.headers), ...workerIdentity(call.caller, false) };
  for (;;) {
    const upstream = await deps.targets.ready(panel, signal);
    try {
      const stream = await upstream.open(headers);
      if (signal.aborted) stream.close(constants.NGHTTP2_CANCEL);
      return stream;
    } catch (error) {
      // Its socket has just gone: the registry notices too, and says when the next worker is there.
      if (!isPaneletError(error, 'WORKER_UNAVAILABLE') || signal.aborted) throw error;
      await pause(deps.clock, signal);
    }
  }
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    clock.after(20, resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function readFirstMessage({ stream, headers }: AttachCall, signal: AbortSignal): Promise<FirstMessage> {
  const encoding = headers['grpc-encoding'];
  const message = createFirstMessage(maxFirstMessageBytes, typeof encoding === 'string' ? encoding : undefined);
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      stream.off('data', take);
      stream.off('end', ended);
      stream.pause();
      done();
    };
    const take = (chunk: Buffer): void => {
      try {
        if (message.push(chunk)) settle(() => resolve(message));
      } catch (error) {
        settle(() => reject(asError(error)));
      }
    };
    const ended = (): void =>
      settle(() => reject(new PaneletError('FRAME_INVALID', 'The stream ended before a complete Hello.')));
    stream.on('data', take);
    stream.on('end', ended);
    signal.addEventListener('abort', () => settle(() => reject(asError(signal.reason))), { once: true });
  });
}

interface Bounded<T> {
  readonly error: () => PaneletError;
  readonly run: (signal: AbortSignal) => Promise<T>;
}

async function withDeadline<T>(clock: Clock, limitMs: number, gone: AbortController, bounded: Bounded<T>): Promise<T> {
  const late = new AbortController();
  const timer = clock.after(limitMs, () => late.abort(bounded.error()));
  const signal = AbortSignal.any([late.signal, gone.signal]);
  const aborted = createLatch<never>();
  signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
  try {
    return await Promise.race([bounded.run(signal), aborted.promise]);
  } finally {
    timer.stop();
  }
}

import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '#common/clock.js';
import { PaneletError, isPaneletError } from '#common/errors.js';
import { createLatch } from '#common/latch.js';
import { asError } from '../changes.js';
import { createFirstMessage, type FirstMessage } from './first-message.js';
import { upstreamHeaders } from './headers.js';
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

/** What an Attach handler needs. */
export interface AttachDeps {
  readonly clock: Clock;
  readonly targets: AttachTargets;
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
}

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
    try {
      await attach(deps, call, gone);
    } catch (error) {
      if (!call.stream.closed && !call.stream.destroyed) throw error;
    } finally {
      pending--;
      // A session lives for hours; what only the waiting needed must not.
      call.stream.off('aborted', leave);
      call.stream.off('close', leave);
    }
  };
}

async function attach(deps: AttachDeps, call: AttachCall, gone: AbortController): Promise<void> {
  const first = await withDeadline(deps.clock, deps.helloTimeoutMs, gone, {
    error: () => new PaneletError('FRAME_INVALID', 'No complete Hello arrived in time.'),
    run: (signal) => readFirstMessage(call, signal),
  });
  const panel = first.panel();
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
  const headers = upstreamHeaders(call.headers, call.caller);
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

import { constants, type ClientHttp2Stream, type Http2Stream, type ServerHttp2Stream } from 'node:http2';
import type { Containment, Guard } from '../stream/contain.js';

/** The two streams of a relay, and what keeps their exceptions. */
export interface StreamPair {
  readonly client: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  readonly containment: Containment;
  /** For every handler of the two streams: an exception ends both. */
  readonly guard: Guard;
}

/** Of an error whose code says more, or of an end that needs nothing. */
export function ignore(): void {
  // Nothing is left to do.
}

/** Ends a stream to a worker; what came already is read, or the stream would wait for its reader for ever. */
export function cancel(upstream: ClientHttp2Stream): void {
  upstream.resume();
  if (!upstream.closed && !upstream.destroyed) upstream.close(constants.NGHTTP2_CANCEL);
}

// Node asks for a pause at 16 KiB, which is once for every larger chunk; pausing costs more than these bytes.
const bufferLimitBytes = 64 * 1024;

/** Hands on what comes from one stream to the other, which pauses the first while it is full. */
export function pump(from: Http2Stream, to: Http2Stream, guard: Guard): void {
  from.on(
    'data',
    guard((chunk: Buffer) => {
      // The receiver has ended or gone; what still comes is discarded.
      if (!to.writable) return;
      if (!to.write(chunk) && to.writableLength >= bufferLimitBytes) from.pause();
    }),
  );
  to.on(
    'drain',
    guard(() => from.resume()),
  );
  // It was paused behind the first message.
  from.resume();
}

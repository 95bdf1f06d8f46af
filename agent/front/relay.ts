import {
  constants,
  type ClientHttp2Stream,
  type Http2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { PaneletError } from '#common/errors.js';
import { statusOf, type RpcStatus } from '#common/grpc-status.js';
import { downstreamHeaders } from './headers.js';
import { endWithTrailers, refuse, respondAtOnce } from './status.js';

/** Two streams to join. */
export interface RelayOptions {
  readonly client: ServerHttp2Stream;
  readonly upstream: ClientHttp2Stream;
  /** What was read from the client already. */
  readonly head?: Buffer;
}

/**
 * Relays one RPC without decoding it, with backpressure both ways: a full side pauses the other, and flow control of
 * HTTP/2 stops the sender.
 *
 * A cut never delivers half a message as a whole one: every message says its length in front, a receiver hands it on
 * only when all of it has arrived, and the end of a direction (END_STREAM, trailers) is passed on only when the sender
 * ended it itself. Whatever else ends a stream becomes CANCEL towards the worker and UNAVAILABLE towards the client.
 */
export function relay({ client, upstream, head }: RelayOptions): void {
  if (head !== undefined) upstream.write(head);
  relayRequest(client, upstream);
  relayAnswer(client, upstream);
}

function relayRequest(client: ServerHttp2Stream, upstream: ClientHttp2Stream): void {
  pump(client, upstream);
  client.on('end', () => {
    // A reset ends the readable side too; only a stream that is still open was ended by its sender.
    if (!client.closed) upstream.end();
  });
  const cancel = (): void => {
    if (!upstream.closed && !upstream.destroyed) upstream.close(constants.NGHTTP2_CANCEL);
  };
  client.on('aborted', cancel);
  client.on('close', cancel);
}

function relayAnswer(client: ServerHttp2Stream, upstream: ClientHttp2Stream): void {
  let trailers: IncomingHttpHeaders | undefined;
  let finished = false;
  const finish = (end: () => void): void => {
    if (finished) return;
    finished = true;
    if (!client.destroyed && !client.closed) end();
  };
  upstream.on('response', (headers, flags) => {
    if (client.destroyed || client.closed || client.headersSent) return;
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      finish(() => respondAtOnce(client, downstreamHeaders(headers)));
    } else {
      client.respond(downstreamHeaders(headers), { waitForTrailers: true });
      pump(upstream, client);
    }
  });
  upstream.on('trailers', (headers: IncomingHttpHeaders) => {
    trailers = headers;
  });
  upstream.on('end', () => {
    const seen = trailers;
    if (seen !== undefined) finish(() => endWithTrailers(client, downstreamHeaders(seen)));
  });
  // Its code says more than the error does; 'close' follows.
  upstream.on('error', () => undefined);
  upstream.on('close', () => finish(() => refuse(client, lostStatus(upstream.rstCode))));
}

// Node asks for a pause at 16 KiB, which is once for every larger chunk; pausing costs more than these bytes.
const bufferLimitBytes = 64 * 1024;

function pump(from: Http2Stream, to: Http2Stream): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk) && to.writableLength >= bufferLimitBytes) from.pause();
  });
  to.on('drain', () => from.resume());
  // It was paused behind the first message.
  from.resume();
}

function lostStatus(rstCode: number | undefined): RpcStatus {
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) {
    return statusOf(new PaneletError('LIMIT_EXCEEDED', 'The worker refused the stream.'));
  }
  const message = 'The connection to the worker was lost. The session is kept where the worker lives; attach again.';
  return statusOf(new PaneletError('WORKER_UNAVAILABLE', message), { retryAfterMs: 0 });
}

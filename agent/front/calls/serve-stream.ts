import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Log } from '#common/log.js';
import { tooOften, type CallRates } from '../turns/call-rates.js';
import type { HeldConnection } from '../connection/client-connection.js';
import type { Containment } from '../stream/contain.js';
import type { VerifiedPeer } from '../../access/identity.js';
import type { Router } from './router.js';
import { refuse } from '../stream/status.js';

/** A stream that a client has opened. */
export interface Arrival {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Size of the headers, as RFC 9113, 6.5.2, counts it. */
  readonly headerBytes: number;
  readonly connection: HeldConnection;
  readonly peer: VerifiedPeer | undefined;
}

/** What serving streams needs. */
export interface ServeDeps {
  readonly log: Log;
  readonly clock: Clock;
  /** Of one connection. */
  readonly maxStreams: number;
  /** Of one stream. */
  readonly maxHeaderBytes: number;
  readonly rates: CallRates;
  /** Told of a connection on which calls go on to come though they are refused. */
  readonly onFlood: (connection: HeldConnection) => void;
  readonly route: Router;
  readonly containment: Containment;
  /** Name of the node, which callers who were verified are told with a refusal. */
  readonly node: string;
  /** Told when the headers that a stranger's connection holds are other ones. */
  readonly onWeight: (connection: HeldConnection) => void;
}

const lingerMs = 5_000;
// Made once: a flood is refused with them.
const calledTooOften = statusOf(tooOften());
const tooManyStreams = statusOf(new PaneletError('LIMIT_EXCEEDED', 'Too many streams on this connection.'));

/** Counts a stream that has come; false, and the stream is refused, when it or its connection has too much. */
export function countStream({ stream, headerBytes: bytes, connection }: Arrival, deps: ServeDeps): boolean {
  connection.streams++;
  connection.headerBytes += bytes;
  stream.once('close', () => {
    connection.streams--;
    connection.headerBytes -= bytes;
    if (stream.rstCode === constants.NGHTTP2_CANCEL && !deps.rates.takeReset(connection)) deps.onFlood(connection);
  });
  stream.once('finish', () => discardInput(stream, deps.clock));
  deps.onWeight(connection);
  const verdict = deps.rates.judgeConnection(connection, bytes);
  if (verdict === 'end') {
    deps.onFlood(connection);
    return false;
  }
  if (bytes > deps.maxHeaderBytes) {
    // The settings say so too, and Node heeds them only once the client has acknowledged them.
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return false;
  }
  if (verdict === 'serve' && connection.streams <= deps.maxStreams) return true;
  refuse(stream, verdict === 'refuse' ? calledTooOften : tooManyStreams, deps.containment);
  return false;
}

/** Sends a call where it belongs, and tells the client why when it cannot go there. */
export function serveStream({ stream, headers, headerBytes, connection, peer }: Arrival, deps: ServeDeps): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith('application/grpc')) {
    stream.respond({ ':status': 415, 'content-type': 'text/plain' });
    stream.end('This port speaks gRPC.\n');
    return;
  }
  const remoteAddress = connection.address === '' ? undefined : connection.address;
  const fail = (error: unknown): void => {
    const code = isPaneletError(error) ? error.code : 'INTERNAL';
    if (code === 'INTERNAL') deps.log.error({ err: error, path: headers[':path'] }, 'Call failed');
    else deps.log.debug({ code, path: headers[':path'], remoteAddress }, 'Call refused');
    const said = statusOf(error, { node: connection.accepted() ? deps.node : undefined });
    refuse(stream, said, deps.containment);
  };
  deps
    .route({ stream, headers, headerBytes, remoteAddress, connection, peer })
    .catch(deps.containment.contain(connection.end)(fail));
}

// The answer is complete, and the client may keep its half open for ever. Discarding what it sends lets the stream
// close by itself; after a while NO_ERROR ends it (RFC 9113, 8.1). At once, the reset could overtake the trailers.
function discardInput(stream: ServerHttp2Stream, clock: Clock): void {
  if (stream.closed) return;
  stream.removeAllListeners('data');
  stream.resume();
  const timer = clock.after(lingerMs, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once('close', () => timer.stop());
}

/** Size of a call's headers in bytes, as RFC 9113, 6.5.2, counts them. */
export function sizeOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) bytes += name.length + String(value).length + 32;
  return bytes;
}

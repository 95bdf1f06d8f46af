import { Metadata, type status } from '@grpc/grpc-js';
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { PaneletError } from '#common/errors/errors.js';
import { statusOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import { createContainment, type Containment } from './contain.js';
import { endSession } from './end-session.js';

/** A status as the standard says it, without anything of Panelet in it. */
export function plainStatus(code: status, details: string): RpcStatus {
  return { code, details, metadata: new Metadata() };
}

/** The trailers of a status. */
export function statusTrailers({ code, details, metadata }: RpcStatus): OutgoingHttpHeaders {
  return { 'grpc-status': code, 'grpc-message': encodeMessage(details), ...metadata.toHttp2Headers() };
}

/**
 * Ends a stream with a status: trailers only when nothing was sent, else trailers behind what was. Never throws: a stream
 * that cannot be ended so is reset.
 */
export function refuse(
  stream: ServerHttp2Stream,
  status: RpcStatus,
  containment: Containment = createContainment(),
): void {
  const guard = containment.contain(() => reset(stream, containment));
  guard(() => {
    if (stream.destroyed || stream.closed) return;
    const trailers = statusTrailers(status);
    if (stream.headersSent) endWithTrailers(stream, trailers, containment);
    else stream.respond(trailersOnly(trailers), { endStream: true });
  })();
}

/** Answers with headers alone. Never throws: INTERNAL takes the place of what cannot be sent. */
export function respondAtOnce(
  stream: ServerHttp2Stream,
  headers: OutgoingHttpHeaders,
  containment: Containment = createContainment(),
): void {
  const guard = containment.contain(() => endInError(stream, containment));
  guard(() => stream.respond(headers, { endStream: true }))();
}

/**
 * Ends a stream that was answered with `waitForTrailers`, behind everything written to it. Never throws: INTERNAL takes
 * the place of trailers that cannot be sent.
 */
export function endWithTrailers(
  stream: ServerHttp2Stream,
  trailers: OutgoingHttpHeaders,
  containment: Containment = createContainment(),
): void {
  const orReset = containment.contain(() => reset(stream, containment));
  const orInternal = containment.contain(orReset(() => stream.sendTrailers(statusTrailers(internal()))));
  stream.once(
    'wantTrailers',
    orInternal(() => stream.sendTrailers(trailers)),
  );
  orReset(() => stream.end())();
}

/** Ends a stream after an exception, in whatever state it is: INTERNAL if it can still be said, else a reset. */
export function endInError(stream: ServerHttp2Stream, containment: Containment): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.writableEnded) reset(stream, containment);
  else refuse(stream, internal(), containment);
}

/** Resets a stream; its connection ends when not even that works. */
function reset(stream: ServerHttp2Stream, containment: Containment): void {
  const guard = containment.contain(() => endSession({ session: stream.session }));
  guard(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR))();
}

function internal(): RpcStatus {
  return statusOf(new PaneletError('INTERNAL', 'The agent could not pass on this answer; its log says why.'));
}

function trailersOnly(trailers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': 'application/grpc+proto', ...trailers };
}

// gRPC over HTTP2: everything but printable ASCII, and the percent sign, is percent-encoded UTF-8.
function encodeMessage(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

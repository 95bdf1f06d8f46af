import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { RpcStatus } from '#common/grpc-status.js';

/** The trailers of a status. */
function statusTrailers({ code, details, metadata }: RpcStatus): OutgoingHttpHeaders {
  return { 'grpc-status': code, 'grpc-message': encodeMessage(details), ...metadata.toHttp2Headers() };
}

/** Ends a stream with a status: trailers only when nothing was sent, else trailers behind what was. */
export function refuse(stream: ServerHttp2Stream, status: RpcStatus): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = statusTrailers(status);
  if (stream.headersSent) endWithTrailers(stream, trailers);
  else respondAtOnce(stream, { ':status': 200, 'content-type': 'application/grpc+proto', ...trailers });
}

/** Answers with headers alone. */
export function respondAtOnce(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true });
}

/** Ends a stream that was answered with `waitForTrailers`, behind everything written to it. */
export function endWithTrailers(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end();
}

// gRPC over HTTP2: everything but printable ASCII, and the percent sign, is percent-encoded UTF-8.
function encodeMessage(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

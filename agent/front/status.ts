import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { PaneletError, type ErrorCode } from '#common/errors.js';

/** How the front says no: a gRPC status with the reason in the trailers that docs/reference/errors.md names. */
export interface Refusal {
  readonly code: status;
  readonly message: string;
  readonly reason: ErrorCode;
  readonly retryAfterMs?: number;
}

const statusByCode: Partial<Record<ErrorCode, status>> = {
  CORDONED: status.UNAVAILABLE,
  FENCED: status.FAILED_PRECONDITION,
  FRAME_INVALID: status.INVALID_ARGUMENT,
  GATE_REFUSED: status.FAILED_PRECONDITION,
  IDENTITY_MISSING: status.UNAUTHENTICATED,
  IDENTITY_REFUSED: status.PERMISSION_DENIED,
  LIMIT_EXCEEDED: status.RESOURCE_EXHAUSTED,
  PANEL_UNKNOWN: status.NOT_FOUND,
  RECEIPT_MISSING: status.NOT_FOUND,
  SESSION_UNKNOWN: status.NOT_FOUND,
  TIMEOUT: status.DEADLINE_EXCEEDED,
  TRANSPORT_LOST: status.UNAVAILABLE,
  WORKER_UNAVAILABLE: status.UNAVAILABLE,
};

/** The one place where the agent's errors become gRPC statuses. */
export function refusalOf(error: unknown): Refusal {
  const known = PaneletError.from(error);
  const code = statusByCode[known.code] ?? status.INTERNAL;
  const message = known.code === 'INTERNAL' ? 'The agent failed. Its log has the cause.' : known.message;
  const retry = code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED ? { retryAfterMs: 250 } : {};
  return { code, message, reason: known.code, ...retry };
}

/** The metadata of a refusal: reason, and when to try again. */
export function refusalMetadata({ reason, retryAfterMs }: Refusal): Record<string, string> {
  const retry = retryAfterMs?.toString();
  return {
    'panelet-reason': reason,
    ...(retry === undefined ? {} : { 'panelet-retry-after-ms': retry, 'grpc-retry-pushback-ms': retry }),
  };
}

/** The trailers of a refusal. */
export function refusalTrailers(refusal: Refusal): OutgoingHttpHeaders {
  return {
    'grpc-status': refusal.code,
    'grpc-message': encodeMessage(refusal.message),
    ...refusalMetadata(refusal),
  };
}

/** Ends a stream with a refusal: trailers only when nothing was sent, else trailers behind what was. */
export function refuse(stream: ServerHttp2Stream, refusal: Refusal): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = refusalTrailers(refusal);
  if (stream.headersSent) endWithTrailers(stream, trailers);
  else respondAtOnce(stream, { ':status': 200, 'content-type': 'application/grpc+proto', ...trailers });
}

/** Answers with headers alone, and stops reading what the client may still send. */
export function respondAtOnce(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Ends a stream that was answered with `waitForTrailers`, behind everything written to it. */
export function endWithTrailers(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  stream.once('wantTrailers', () => {
    stream.sendTrailers(trailers);
    // The client may keep its half open for ever; NO_ERROR tells it that the answer is complete (RFC 9113, 8.1).
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.end();
}

// gRPC over HTTP2: everything but printable ASCII, and the percent sign, is percent-encoded UTF-8.
function encodeMessage(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/gu, (part) =>
    [...Buffer.from(part, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

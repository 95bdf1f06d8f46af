import type { IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import { reasonKey, retryAfterKey, retryPushbackKey, statusOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import { isMetadataKey, isReservedKey } from './metadata-keys.js';
import { statusTrailers } from './status.js';

/** A block of headers or trailers that goes to the client. */
export interface PassedBlock {
  readonly headers: OutgoingHttpHeaders;
  /** Headers that a worker must not send: of a connection, misplaced, malformed, or beyond the size of a block. */
  readonly dropped: number;
}

/** What becomes of the beginning of a worker's answer. */
export type JudgedAnswer =
  /** Messages and trailers follow. */
  | { readonly kind: 'begins'; readonly block: PassedBlock }
  /** Its status came at once, without a message (gRPC's Trailers-Only). */
  | { readonly kind: 'ends'; readonly block: PassedBlock }
  /** It is no answer of gRPC; the client is told this status instead. */
  | { readonly kind: 'refused'; readonly status: RpcStatus };

/** Response headers as node:http2 gives them. */
export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** How the beginning of an answer came. */
export interface AnswerStart {
  /** True when nothing follows. */
  readonly endsStream: boolean;
  /** Keys that the worker named. */
  readonly passedKeys: ReadonlySet<string>;
}

/** Judges the response headers of a worker, of which only `:status` 200 with a content type of gRPC is an answer. */
export function judgeAnswer(headers: AnswerHeaders, { endsStream, passedKeys }: AnswerStart): JudgedAnswer {
  const { ':status': httpStatus, 'content-type': contentType = '', ...rest } = headers;
  if (httpStatus !== 200) return { kind: 'refused', status: statusOfHttp(httpStatus) };
  if (!/^application\/grpc($|[+;])/.test(contentType)) return { kind: 'refused', status: notGrpc(contentType) };
  const start = { ':status': 200, 'content-type': contentType };
  if (endsStream) {
    const { headers: trailers, dropped } = judgeTrailers(rest, passedKeys);
    return { kind: 'ends', block: { headers: { ...start, ...trailers }, dropped } };
  }
  const { headers: passed, dropped } = pass(rest, (name) => !isStatusKey(name) && isPassed(name, passedKeys));
  const misplaced = Object.keys(rest).filter(isStatusKey).length;
  return { kind: 'begins', block: { headers: { ...start, ...passed }, dropped: dropped + misplaced } };
}

/**
 * The trailers for the client from those of a worker. Without `grpc-status` they are UNAVAILABLE, with one that gRPC does
 * not know UNKNOWN.
 */
export function judgeTrailers(trailers: IncomingHttpHeaders, passedKeys: ReadonlySet<string>): PassedBlock {
  const block = pass(trailers, (name) => isPassed(name, passedKeys));
  const said = trailers['grpc-status'];
  if (typeof said === 'string' && /^(?:[0-9]|1[0-6])$/.test(said)) return block;
  const error =
    said === undefined
      ? new PaneletError('WORKER_UNAVAILABLE', 'The worker ended the call without a status. Attach again.')
      : new PaneletError('ANSWER_INVALID', 'The worker ended the call with a status that gRPC does not have.');
  return { ...block, headers: { ...block.headers, ...statusTrailers(statusOf(error)) } };
}

// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
const codeByHttpStatus: Readonly<Record<number, status>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

function statusOfHttp(httpStatus: number | undefined): RpcStatus {
  const message = `The worker answered with HTTP status ${httpStatus ?? 'none'} instead of gRPC. Check what serves at its socket.`;
  const code = codeByHttpStatus[httpStatus ?? 0] ?? status.UNKNOWN;
  if (code === status.UNAVAILABLE) return statusOf(new PaneletError('WORKER_UNAVAILABLE', message));
  return statusOf(new PaneletError('ANSWER_INVALID', message), { code });
}

function notGrpc(contentType: string): RpcStatus {
  const type = contentType === '' ? 'without a content type' : `with content type ${contentType.slice(0, 100)}`;
  const message = `The worker answered ${type}, which is not gRPC. Check what serves at its socket.`;
  return statusOf(new PaneletError('ANSWER_INVALID', message));
}

function isStatusKey(name: string): boolean {
  return name === 'grpc-status' || name === 'grpc-message';
}

function isPassed(name: string, passedKeys: ReadonlySet<string>): boolean {
  return name.startsWith('grpc-') || name.startsWith('panelet-') || passedKeys.has(name);
}

const maxBlockBytes = 8 * 1024;
// RFC 9113, 6.5.2: what a header counts besides its name and value.
const headerOverheadBytes = 32;
// What a client decides by comes before what may fill a block.
const firstKeys = ['grpc-status', reasonKey, retryAfterKey, retryPushbackKey, 'grpc-encoding', 'grpc-message'];

function pass(headers: IncomingHttpHeaders, isWanted: (name: string) => boolean): PassedBlock {
  const out: OutgoingHttpHeaders = {};
  let sizeBytes = 0;
  let dropped = 0;
  for (const name of inOrder(Object.keys(headers))) {
    const value = valueOf(name, headers[name]);
    const isBad = isReservedKey(name) || !isMetadataKey(name);
    if (isBad) dropped++;
    if (isBad || !isWanted(name)) continue;
    const nextBytes = sizeBytes + sizeOf(name, value ?? []);
    if (value === undefined || nextBytes > maxBlockBytes) {
      dropped++;
      continue;
    }
    sizeBytes = nextBytes;
    out[name] = value;
  }
  return { headers: out, dropped };
}

function inOrder(names: readonly string[]): readonly string[] {
  return [...firstKeys.filter((key) => names.includes(key)), ...names.filter((key) => !firstKeys.includes(key))];
}

/** The value as it may be sent; undefined when it may not. */
function valueOf(name: string, value: string | string[] | undefined): string | string[] | undefined {
  if (name === 'grpc-message' && typeof value === 'string') return withoutRawBytes(value);
  const isPrintable = [value ?? ''].flat().every((one) => /^[\x20-\x7e]*$/.test(one));
  return isPrintable ? value : undefined;
}

// A worker that does not percent-encode its message; node:http2 gives each byte as one character.
function withoutRawBytes(message: string): string {
  return message.replace(
    /[^\x20-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function sizeOf(name: string, value: string | readonly string[]): number {
  return [value].flat().reduce((sum, one) => sum + name.length + one.length + headerOverheadBytes, 0);
}

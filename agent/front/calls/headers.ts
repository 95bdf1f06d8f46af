import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { Caller } from '../../access/identity.js';

/** Request metadata that goes through; everything else stays here: tokens, `panelet-*`, hop-by-hop headers. */
const requestAllowList = [
  'content-type',
  'te',
  'user-agent',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'traceparent',
  'tracestate',
  'baggage',
] as const;

/** Headers of a request that go through, towards a worker or the agent's own services; nothing in them says who calls. */
export function upstreamHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = { ':method': 'POST', ':path': headers[':path'] ?? '/', ':scheme': 'http' };
  for (const name of requestAllowList) {
    const value = headers[name];
    if (typeof value === 'string') out[name] = value;
  }
  return out;
}

/** Who calls, as a worker is told. */
export interface WorkerIdentity {
  readonly 'panelet-identity': string;
  readonly 'panelet-roles': string;
}

/**
 * What a worker is told about a caller whom the agent lets attach, list or end: a client, who sees the sessions of everybody
 * only as administrator.
 */
export function workerIdentity(caller: Caller, isAdministrator: boolean): WorkerIdentity {
  return {
    'panelet-identity': encodeIdentity(caller.name),
    'panelet-roles': isAdministrator ? 'client,admin' : 'client',
  };
}

// Longer ones make headers that a server refuses.
const maxIdentityLength = 1024;

/**
 * A name that fits into a header and stays one name: bytes other than letters, digits and `._@:-` are percent-encoded. Two
 * names never become the same one; names of an identity file stay as they are.
 */
export function encodeIdentity(name: string): string {
  const bytes = Buffer.from(name, 'utf8');
  // Behind a percent sign are two hex digits: no encoded name looks like those with a hash.
  if (bytes.toString('utf8') !== name) return `%utf16:${sha256(Buffer.from(name, 'utf16le'))}`;
  const encoded = [...bytes].map(encodeByte).join('');
  return encoded.length <= maxIdentityLength ? encoded : `%sha256:${sha256(bytes)}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function encodeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9._@:-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

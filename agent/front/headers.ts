import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { Caller } from './identity.js';

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

// RFC 9113, 8.2.2: connection-specific headers must not be forwarded.
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'date']);

/** Headers of a request towards a worker or the agent's own services, with the verified identity set. */
export function upstreamHeaders(
  headers: IncomingHttpHeaders,
  caller: Caller | undefined,
  secret?: string,
): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = { ':method': 'POST', ':path': headers[':path'] ?? '/', ':scheme': 'http' };
  for (const name of requestAllowList) {
    const value = headers[name];
    if (typeof value === 'string') out[name] = value;
  }
  if (caller !== undefined) {
    out['panelet-identity'] = caller.name;
    out['panelet-roles'] = caller.roles.join(',');
  }
  if (secret !== undefined) out['panelet-agent-secret'] = secret;
  return out;
}

/** Headers or trailers of an answer, fit for the client. */
export function downstreamHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const name of Object.keys(headers)) {
    if (!hopByHop.has(name)) out[name] = headers[name];
  }
  return out;
}

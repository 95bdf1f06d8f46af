import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { AttachCall } from './attach.js';
import { upstreamHeaders } from './headers.js';
import type { Identity, VerifiedPeer } from './identity.js';
import { relay } from './relay.js';
import type { Upstream } from './upstream.js';
import { verifiedCallKey, type VerifiedCalls } from './verified-calls.js';

/** A call that has arrived. */
export interface IncomingCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
  /** The peer's certificate, when it has one that can be trusted now. */
  readonly peer: VerifiedPeer | undefined;
}

/** Sends a call where it belongs; rejects with the PaneletError that the client is to be told. */
export type Router = (call: IncomingCall) => Promise<void>;

/** What the router needs. */
export interface RouterDeps {
  readonly identity: Identity;
  readonly attach: (call: AttachCall) => Promise<void>;
  /** The agent's own services. */
  readonly services: Upstream;
  /** How they learn who calls. */
  readonly calls: VerifiedCalls;
}

const attachPath = '/panelet.session.v1.SessionService/Attach';
const healthPrefix = '/grpc.health.v1.Health/';

/**
 * Attach goes to a worker; health goes to the agent's services unauthenticated; everything else goes there with its caller
 * verified. What a caller may do is decided where it is known what they ask for: in attach, and in the services.
 */
export function createRouter({ identity, attach, services, calls }: RouterDeps): Router {
  return async ({ stream, headers, remoteAddress, peer }) => {
    const path = headers[':path'] ?? '';
    if (path.startsWith(healthPrefix)) {
      relay({ client: stream, upstream: await services.open(upstreamHeaders(headers)) });
      return;
    }
    const caller = await identity.authenticate({ authorization: headers.authorization, remoteAddress, peer });
    if (path === attachPath) {
      await attach({ stream, headers, caller, remoteAddress });
      return;
    }
    if (stream.destroyed || stream.closed) return;
    const key = calls.add({ caller, remoteAddress });
    stream.once('close', () => calls.remove(key));
    relay({ client: stream, upstream: await services.open({ ...upstreamHeaders(headers), [verifiedCallKey]: key }) });
  };
}

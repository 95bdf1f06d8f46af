import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { PaneletError } from '#common/errors.js';
import type { AttachCall } from './attach.js';
import { upstreamHeaders } from './headers.js';
import { hasRole, type Identity } from './identity.js';
import { relay } from './relay.js';
import type { Upstream } from './upstream.js';

/** A call that has arrived. */
export interface IncomingCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
}

/** Sends a call where it belongs; rejects with the PaneletError that the client is to be told. */
export type Router = (call: IncomingCall) => Promise<void>;

/** What the router needs. */
export interface RouterDeps {
  readonly identity: Identity;
  readonly attach: (call: AttachCall) => Promise<void>;
  /** The agent's own services. */
  readonly services: Upstream;
  /** Proves to them that a call was verified here. */
  readonly secret: string;
}

const attachPath = '/panelet.session.v1.SessionService/Attach';
const healthPrefix = '/grpc.health.v1.Health/';

/** Attach goes to a worker; health goes to the agent's services unauthenticated; everything else goes there verified. */
export function createRouter(deps: RouterDeps): Router {
  return async ({ stream, headers, remoteAddress }) => {
    const path = headers[':path'] ?? '';
    if (path.startsWith(healthPrefix)) {
      relay({ client: stream, upstream: await deps.services.open(upstreamHeaders(headers, undefined)) });
      return;
    }
    const caller = await deps.identity.authenticate({ authorization: headers.authorization, remoteAddress });
    if (path !== attachPath) {
      const upstream = await deps.services.open(upstreamHeaders(headers, caller, deps.secret));
      relay({ client: stream, upstream });
      return;
    }
    if (!hasRole(caller, 'client')) {
      throw new PaneletError('IDENTITY_REFUSED', `"${caller.name}" may not attach: it needs the role "client".`);
    }
    await deps.attach({ stream, headers, caller });
  };
}

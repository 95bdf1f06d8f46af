import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status, type ServiceDefinition } from '@grpc/grpc-js';
import { isPaneletError } from '#common/errors/errors.js';
import { AgentServiceService } from '#proto/agent/v1/agent.js';
import { GateServiceService } from '#proto/gate/v1/gate.js';
import { SessionServiceService } from '#proto/session/v1/session.js';
import type { ClientAttach } from './attach-relay.js';
import { tooOften, type CallRates } from '../turns/call-rates.js';
import type { ClientConnection } from '../connection/client-connection.js';
import type { HealthCall } from './health-calls.js';
import { upstreamHeaders } from './headers.js';
import type { Caller, Credentials, Identity, VerifiedPeer } from '../../access/identity.js';
import { relay, type RelayTold } from '../upstream/relay.js';
import { plainStatus, refuse } from '../stream/status.js';
import type { Upstream } from '../upstream/upstream.js';
import { verifiedCallKey, type VerifiedCalls } from './verified-calls.js';

/** A call that has arrived. */
export interface IncomingCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Their size in bytes. */
  readonly headerBytes: number;
  readonly connection: ClientConnection;
  readonly remoteAddress: string | undefined;
  /** The peer's certificate, when it has one that can be trusted now. */
  readonly peer: VerifiedPeer | undefined;
}

/** Sends a call where it belongs; rejects with the PaneletError that the client is to be told. */
export type Router = (call: IncomingCall) => Promise<void>;

/** What the router needs. */
export interface RouterDeps {
  readonly identity: Identity;
  readonly attach: (call: ClientAttach) => Promise<void>;
  /** Answers calls of the health service. */
  readonly health: (call: HealthCall) => Promise<void>;
  /** The agent's own services. */
  readonly services: Upstream;
  /** How they learn who calls. */
  readonly calls: VerifiedCalls;
  readonly rates: CallRates;
  readonly relaying?: RelayTold;
}

const attachPath = '/panelet.session.v1.SessionService/Attach';
const healthPrefix = '/grpc.health.v1.Health/';
// Another path goes no further: it may be as long as a header, and what carries it on would hold it several times.
const servedPaths = new Set([SessionServiceService, GateServiceService, AgentServiceService].flatMap(pathsOf));
const unserved = plainStatus(status.UNIMPLEMENTED, 'The agent has no such method.');

/**
 * Attach goes to a worker; health is answered here, unauthenticated; everything else goes to the agent's services with its
 * caller verified. What a caller may do is decided where it is known what they ask for: in attach, and in the services.
 */
export function createRouter({ identity, attach, health, services, calls, rates, relaying }: RouterDeps): Router {
  return async ({ stream, headers, headerBytes, connection, remoteAddress, peer }) => {
    const path = headers[':path'] ?? '';
    if (path.startsWith(healthPrefix))
      return health({ stream, headers, connection, method: path.slice(healthPrefix.length) });
    const credentials = { authorization: headers.authorization, remoteAddress, peer, connection };
    const caller = await authenticate(identity, credentials);
    const verdict = rates.judgeCaller(caller.name, headerBytes);
    if (verdict === 'end') {
      connection.flood();
      return;
    }
    if (verdict === 'refuse') throw tooOften();
    if (path === attachPath) return attach({ stream, headers, caller, connection, remoteAddress });
    if (!servedPaths.has(path)) {
      refuse(stream, unserved);
      return;
    }
    if (isOver(stream)) return;
    const cut = (): void => stream.close(constants.NGHTTP2_CANCEL);
    const key = calls.add({ caller, remoteAddress, cut });
    stream.once('close', () => calls.remove(key));
    const upstream = await services.open(
      { connection, caller: caller.name },
      { ...upstreamHeaders(headers), [verifiedCallKey]: key },
    );
    if (isOver(stream)) upstream.close(constants.NGHTTP2_CANCEL);
    else relay({ client: stream, upstream, ...relaying });
  };
}

function pathsOf(service: ServiceDefinition): readonly string[] {
  return Object.values(service).map(({ path }) => path);
}

function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

// The connection learns who is on it: strangers have to make room first, and wrong tokens cost their sender.
async function authenticate(
  identity: Identity,
  credentials: Credentials & { readonly connection: ClientConnection },
): Promise<Caller> {
  const { connection } = credentials;
  try {
    const caller = await identity.authenticate(credentials);
    connection.accept(caller.name);
    return caller;
  } catch (error) {
    if (isPaneletError(error, 'IDENTITY_MISSING')) connection.refuse();
    throw error;
  }
}

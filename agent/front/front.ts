import { createServer, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { listenOn } from '#common/http/listen.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { FrontLimits } from '../config/config.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import type { CallRates } from './turns/call-rates.js';
import { createCallTurns } from './turns/call-turns.js';
import type { HeldConnection } from './connection/client-connection.js';
import { createConnections, type EndReason } from './connection/connections.js';
import type { Containment } from './stream/contain.js';
import { createDoor } from './connection/door.js';
import { endSession } from './stream/end-session.js';
import { keepAlive } from './connection/keepalive.js';
import type { Router } from './calls/router.js';
import { createSecureServer, type SecureServer } from './connection/secure-server.js';
import { countStream, serveStream, sizeOf, type Arrival, type ServeDeps } from './calls/serve-stream.js';

/** Where the front listens, and with which certificate. */
export interface FrontAddress {
  readonly host: string;
  readonly port: number;
  /** Without one, the listener is in the clear. */
  readonly tls?: CertificateSource | undefined;
  /** True when nobody gets in without a certificate that can be trusted. @default false */
  readonly requireClientCertificate?: boolean;
}

/** What the front needs. */
export interface FrontDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: FrontLimits;
  readonly route: Router;
  readonly rates: CallRates;
  readonly containment: Containment;
  /** Name of the node. */
  readonly node: string;
  /** Told of each connection that the front ends by itself. */
  readonly onEnded?: (reason: EndReason) => void;
}

/** The HTTP/2 listener for clients and controllers. */
export interface Front {
  /** The port it listens on. */
  readonly port: number;
  /** Lets calls in: those that came since the listener is open, and all that follow. */
  admit(): void;
  /** Connections that are open. */
  connections(): number;
  /** Stops listening and tells clients (GOAWAY); after `graceMs` ends what is still open. */
  close(graceMs: number): Promise<void>;
}

// For what clients send, a connection keeps HTTP/2's own window. Node's HTTP/2 does not read from a socket
// while a write waits for it: two such ends that both wait never read again. What fits into the buffers of a socket
// never waits, so a client in Node always reads, and what the agent writes always gets through. The price: all uploads
// of one connection share 64 KiB for each round trip. The window of a stream only bounds one that nobody reads.
const connectionWindowBytes = 65_535;
const streamWindowBytes = 256 * 1024;
// Megabytes of protocol state and buffered input for one connection, before it gets no more streams.
const sessionMemoryMb = 64;
// Of a stranger: a client has a handful of calls to make before one of them is let in.
const strangersStreams = 8;
// Tokens are 12 KiB at most, everything else is small.
const headerListBytes = 24 * 1024;

/**
 * Opens the listener. Calls wait until {@link Front.admit}.
 * @throws PaneletError PORT_TAKEN when something else listens there; CONFIG_INVALID for a bad certificate or address.
 */
export async function openFront(address: FrontAddress, deps: FrontDeps): Promise<Front> {
  const { clock, limits, log } = deps;
  const secure = openSecure(address, deps);
  const http = secure?.server ?? createServer(serverOptions);
  const connections = createConnections(deps);
  const waiting: (() => void)[] = [];
  let admitted = false;
  const serving: ServeDeps = {
    ...{ ...deps, maxStreams: limits.maxStreamsPerConnection, maxHeaderBytes: headerListBytes },
    onWeight: connections.weigh,
    onFlood: connections.flood,
  };
  const turns = createCallTurns((callback) => void setImmediate(callback));
  const receive = (arrival: Arrival): void => {
    // Its code says more than the error does; without a listener, the process would end.
    arrival.stream.on('error', () => undefined);
    if (arrival.connection.gone || !countStream(arrival, serving)) return;
    const begin = deps.containment.contain(arrival.connection.end)(() => serveStream(arrival, serving));
    if (admitted) turns.add(arrival.connection.id, begin);
    else waiting.push(() => turns.add(arrival.connection.id, begin));
  };
  const door = createDoor({
    ...{
      clock,
      random: deps.random,
      tls: secure !== undefined,
      grantedBytes: connectionWindowBytes,
      events: connections.events,
    },
    silenceMs: limits.helloTimeoutMs,
    onArrival: connections.enter,
    onTurn: (connection, socket) => {
      const serve = deps.containment.contain(connection.end)(() => void http.emit('connection', socket));
      if (!connection.gone) serve();
    },
  });
  http.on('session', (session) => {
    const accept = deps.containment.contain(() => endSession({ session }));
    accept(() => {
      const connection = connections.find(session.socket);
      if (connection === undefined || connection.gone) endSession({ session });
      else acceptSession({ session, connection, secure, receive }, deps);
    })();
  });
  http.on('sessionError', () => undefined);
  secure?.server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log.debug({ err: error }, 'TLS handshake failed');
    connections.find(socket)?.end();
  });
  secure?.onAuthorities(() => {
    for (const { session } of connections.all())
      if (session !== undefined && secure.showsCertificate(session)) session.close();
  });
  const port = await listenOn(door.server, address);
  return {
    port,
    admit: () => {
      admitted = true;
      for (const start of waiting.splice(0)) start();
    },
    connections: () => connections.size,
    close: async (graceMs) => {
      secure?.close();
      connections.stopPatrol();
      const closed = createLatch();
      door.server.once('close', () => closed.resolve());
      door.close();
      for (const { session } of connections.all()) session?.close();
      const timer = clock.after(graceMs, () => {
        for (const connection of connections.all()) connection.end();
      });
      await closed.promise;
      timer.stop();
    },
  };
}

const serverOptions: ServerOptions = {
  settings: {
    initialWindowSize: streamWindowBytes,
    maxConcurrentStreams: strangersStreams,
    maxHeaderListSize: headerListBytes,
  },
  maxSessionMemory: sessionMemoryMb,
};

function openSecure(address: FrontAddress, deps: FrontDeps): SecureServer | undefined {
  const { tls, requireClientCertificate = false } = address;
  return tls === undefined ? undefined : createSecureServer({ ...serverOptions, requireClientCertificate }, tls, deps);
}

interface Acceptance {
  readonly session: ServerHttp2Session;
  readonly connection: HeldConnection;
  readonly secure: SecureServer | undefined;
  readonly receive: (arrival: Arrival) => void;
}

function acceptSession({ session, connection, secure, receive }: Acceptance, deps: FrontDeps): void {
  const contained = deps.containment.contain(connection.end);
  connection.attach(session);
  session.on('error', (error) => {
    deps.log.debug({ err: error }, 'Connection failed');
    connection.end();
  });
  session.once('close', connection.end);
  keepAlive(session, {
    clock: deps.clock,
    intervalMs: deps.limits.keepaliveMs,
    timeoutMs: deps.limits.keepaliveTimeoutMs,
    onDead: connection.end,
  });
  session.on(
    'stream',
    contained((stream, headers) =>
      receive({ stream, headers, headerBytes: sizeOf(headers), connection, peer: secure?.peerOf(session) }),
    ),
  );
}

import { createServer, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '#common/clock.js';
import { createLatch } from '#common/latch.js';
import { listenOn } from '#common/listen.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { FrontLimits } from '../config.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import type { CallRates } from './call-rates.js';
import { createCallTurns } from './call-turns.js';
import { socketKey, type ConnectionEvents, type HeldConnection } from './client-connection.js';
import type { Containment } from './contain.js';
import { createDoor } from './door.js';
import { keepAlive } from './keepalive.js';
import { createPlaces, type Places } from './places.js';
import type { Router } from './router.js';
import { createSecureServer, type SecureServer } from './secure-server.js';
import { countStream, serveStream, type Arrival, type ServeDeps } from './serve-stream.js';

/** Where the front listens, and with which certificate. */
export interface FrontAddress {
  readonly host: string;
  readonly port: number;
  /** Without one, the listener is in the clear. */
  readonly tls?: CertificateSource | undefined;
  /** True when nobody gets in without a certificate that can be trusted. @default false */
  readonly requireClientCertificate?: boolean;
}

/**
 * Why the front ended a connection: it made room, it was dead, nobody on it could prove who they are, or calls went on to come
 * though they were refused.
 */
export type EndReason = (typeof endReasons)[number];
/** Every {@link EndReason}. */
export const endReasons = ['strangers', 'callers', 'dead', 'refused', 'flood'] as const;

/** What the front needs. */
export interface FrontDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: FrontLimits;
  readonly route: Router;
  readonly rates: CallRates;
  readonly containment: Containment;
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
const maxRefusals = 5;
const farewellMs = 1_000;
const patrolMs = 1_000;

/**
 * Opens the listener. Calls wait until {@link Front.admit}.
 * @throws PaneletError PORT_TAKEN when something else listens there; CONFIG_INVALID for a bad certificate or address.
 */
export async function openFront(address: FrontAddress, deps: FrontDeps): Promise<Front> {
  const { clock, limits, log } = deps;
  const secure = openSecure(address, deps);
  const http = secure?.server ?? createServer(serverOptions);
  const byKey = new Map<string, HeldConnection>();
  const waiting: (() => void)[] = [];
  let admitted = false;
  const end = (connection: HeldConnection, reason: EndReason): void => {
    log.debug({ connection: connection.id, address: connection.address, reason }, 'Connection ended by the front');
    deps.onEnded?.(reason);
    connection.end();
  };
  const places = createPlaces(limits.maxConnections, end);
  const patrol = createPatrol(clock, places, (connection) => end(connection, 'dead'));
  const serving: ServeDeps = {
    ...{ ...deps, maxStreams: limits.maxStreamsPerConnection, maxHeaderBytes: headerListBytes },
    onWeight: places.weigh,
    onFlood: (connection) => end(connection, 'flood'),
  };
  const turns = createCallTurns((callback) => void setImmediate(callback));
  const receive = (arrival: Arrival): void => {
    if (!countStream(arrival, serving)) return;
    const begin = deps.containment.contain(arrival.connection.end)(() => serveStream(arrival, serving));
    if (admitted) turns.add(arrival.connection.id, begin);
    else waiting.push(() => turns.add(arrival.connection.id, begin));
  };
  const events: ConnectionEvents = {
    onAccept: (connection, caller) => {
      places.accept(connection, caller);
      // Streams over one's own limit are refused with a status; over this one, gRPC clients queue them without a word.
      const settings = { maxConcurrentStreams: limits.maxStreamsPerConnection * 2 };
      if (!connection.gone && connection.session?.destroyed === false) connection.session.settings(settings);
    },
    onRefuse: (connection, refusals) => {
      if (refusals !== maxRefusals) return;
      connection.session?.close();
      const timer = clock.after(farewellMs, () => end(connection, 'refused'));
      connection.onGone(() => timer.stop());
    },
    onFlood: (connection) => end(connection, 'flood'),
    onEnd: (connection) => {
      places.leave(connection);
      if (byKey.get(connection.key) === connection) byKey.delete(connection.key);
    },
  };
  const door = createDoor({
    ...{ clock, random: deps.random, grantedBytes: connectionWindowBytes, events },
    silenceMs: limits.helloTimeoutMs,
    onArrival: (connection) => {
      byKey.set(connection.key, connection);
      places.enter(connection);
      patrol.begin();
    },
    onTurn: (connection, socket) => {
      const serve = deps.containment.contain(connection.end)(() => void http.emit('connection', socket));
      if (!connection.gone) serve();
    },
  });
  http.on('session', (session) => {
    const accept = deps.containment.contain(() => session.destroy());
    accept(() => {
      const connection = byKey.get(socketKey(session.socket));
      if (connection === undefined || connection.gone) session.destroy();
      else acceptSession({ session, connection, secure, receive }, deps);
    })();
  });
  http.on('sessionError', () => undefined);
  secure?.server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log.debug({ err: error }, 'TLS handshake failed');
    byKey.get(socketKey(socket))?.end();
  });
  secure?.onAuthorities(() => {
    for (const { session } of places.all())
      if (session !== undefined && secure.showsCertificate(session)) session.close();
  });
  const port = await listenOn(door.server, address);
  return {
    port,
    admit: () => {
      admitted = true;
      for (const start of waiting.splice(0)) start();
    },
    connections: () => places.size,
    close: async (graceMs) => {
      secure?.close();
      patrol.stop();
      const closed = createLatch();
      door.server.once('close', () => closed.resolve());
      door.close();
      for (const { session } of places.all()) session?.close();
      const timer = clock.after(graceMs, () => {
        for (const connection of places.all()) connection.end();
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
    contained((stream, headers) => receive({ stream, headers, connection, peer: secure?.peerOf(session) })),
  );
}

interface Patrol {
  begin(): void;
  stop(): void;
}

// While there are strangers, looks after them: ends those whose session is dead, and weighs the others.
function createPatrol(clock: Clock, places: Places, onDead: (connection: HeldConnection) => void): Patrol {
  let timer: Timer | undefined;
  const walk = (): void => {
    timer = undefined;
    const strangers = places.strangers();
    for (const connection of strangers) {
      if (connection.probe()) places.weigh(connection);
      else onDead(connection);
    }
    if (strangers.length > 0) begin();
  };
  const begin = (): void => {
    timer ??= clock.after(patrolMs, walk);
  };
  return { begin, stop: () => timer?.stop() };
}

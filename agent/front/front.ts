import { createServer, type Http2Server, type ServerHttp2Session, type ServerOptions } from 'node:http2';
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
import { createConnections, type Connections, type EndReason } from './connection/connections.js';
import type { Containment } from './stream/contain.js';
import { createDoor, type Door } from './connection/door.js';
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

const serverOptions: ServerOptions = {
  settings: {
    initialWindowSize: streamWindowBytes,
    maxConcurrentStreams: strangersStreams,
    maxHeaderListSize: headerListBytes,
  },
  maxSessionMemory: sessionMemoryMb,
};

/**
 * Opens the listener. Calls wait until {@link Front.admit}.
 * @throws PaneletError PORT_TAKEN when something else listens there; CONFIG_INVALID for a bad certificate or address.
 */
export async function openFront(address: FrontAddress, deps: FrontDeps): Promise<Front> {
  const front = new Http2Front(openSecure(address, deps), deps);
  await front.listen(address);
  return front;
}

function openSecure(address: FrontAddress, deps: FrontDeps): SecureServer | undefined {
  const { tls, requireClientCertificate = false } = address;
  return tls === undefined ? undefined : createSecureServer({ ...serverOptions, requireClientCertificate }, tls, deps);
}

class Http2Front implements Front {
  readonly #deps: FrontDeps;
  readonly #secure: SecureServer | undefined;
  readonly #http: SecureServer['server'] | Http2Server;
  readonly #connections: Connections;
  readonly #serving: ServeDeps;
  readonly #turns = createCallTurns((callback) => void setImmediate(callback));
  readonly #door: Door;
  readonly #waiting: (() => void)[] = [];
  #isAdmitted = false;
  #port = 0;

  constructor(secure: SecureServer | undefined, deps: FrontDeps) {
    this.#deps = deps;
    this.#secure = secure;
    this.#http = secure?.server ?? createServer(serverOptions);
    this.#connections = createConnections(deps);
    this.#serving = {
      ...deps,
      maxStreams: deps.limits.maxStreamsPerConnection,
      maxHeaderBytes: headerListBytes,
      onWeight: this.#connections.weigh,
      onFlood: this.#connections.flood,
    };
    this.#door = this.#createDoor();
    this.#acceptSessions();
    if (secure !== undefined) this.#followTls(secure);
  }

  get port(): number {
    return this.#port;
  }

  async listen(address: FrontAddress): Promise<void> {
    this.#port = await listenOn(this.#door.server, address);
  }

  admit(): void {
    this.#isAdmitted = true;
    for (const start of this.#waiting.splice(0)) start();
  }

  connections(): number {
    return this.#connections.size;
  }

  async close(graceMs: number): Promise<void> {
    this.#secure?.close();
    this.#connections.stopPatrol();
    const closed = createLatch();
    this.#door.server.once('close', () => closed.resolve());
    this.#door.close();
    for (const { session } of this.#connections.all()) session?.close();
    const timer = this.#deps.clock.after(graceMs, () => {
      for (const connection of this.#connections.all()) connection.end();
    });
    await closed.promise;
    timer.stop();
  }

  #createDoor(): Door {
    const { clock, random, limits, containment } = this.#deps;
    return createDoor({
      clock,
      random,
      tls: this.#secure !== undefined,
      grantedBytes: connectionWindowBytes,
      events: this.#connections.events,
      silenceMs: limits.helloTimeoutMs,
      onArrival: this.#connections.enter,
      onTurn: (connection, socket) => {
        const serve = containment.contain(connection.end)(() => void this.#http.emit('connection', socket));
        if (!connection.gone) serve();
      },
    });
  }

  #acceptSessions(): void {
    this.#http.on('session', (session: ServerHttp2Session) => {
      const accept = this.#deps.containment.contain(() => endSession({ session }));
      accept(() => {
        const connection = this.#connections.find(session.socket);
        if (connection === undefined || connection.gone) endSession({ session });
        else this.#accept(session, connection);
      })();
    });
    this.#http.on('sessionError', () => undefined);
  }

  #followTls(secure: SecureServer): void {
    secure.server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      this.#deps.log.debug({ err: error }, 'TLS handshake failed');
      this.#connections.find(socket)?.end();
    });
    secure.onAuthorities(() => {
      for (const { session } of this.#connections.all())
        if (session !== undefined && secure.showsCertificate(session)) session.close();
    });
  }

  #accept(session: ServerHttp2Session, connection: HeldConnection): void {
    const { clock, limits, log, containment } = this.#deps;
    const contained = containment.contain(connection.end);
    connection.attach(session);
    session.on('error', (error) => {
      log.debug({ err: error }, 'Connection failed');
      connection.end();
    });
    session.once('close', connection.end);
    keepAlive(session, {
      clock,
      intervalMs: limits.keepaliveMs,
      timeoutMs: limits.keepaliveTimeoutMs,
      onDead: connection.end,
    });
    session.on(
      'stream',
      contained((stream, headers) => {
        const peer = this.#secure?.peerOf(session);
        this.#receive({ stream, headers, headerBytes: sizeOf(headers), connection, peer });
      }),
    );
  }

  #receive(arrival: Arrival): void {
    const { stream, connection } = arrival;
    // Its code says more than the error does; without a listener, the process would end.
    stream.on('error', () => undefined);
    if (connection.gone || !countStream(arrival, this.#serving)) return;
    const begin = this.#deps.containment.contain(connection.end)(() => serveStream(arrival, this.#serving));
    if (this.#isAdmitted) this.#turns.add(connection.id, begin);
    else this.#waiting.push(() => this.#turns.add(connection.id, begin));
  }
}

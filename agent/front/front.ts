import {
  constants,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { Clock } from '#common/clock.js';
import { isPaneletError, PaneletError } from '#common/errors.js';
import { statusOf } from '#common/grpc-status.js';
import type { Log } from '#common/log.js';
import { listenOn } from '#common/listen.js';
import type { FrontLimits } from '../config.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import { createPeerVerifier, type PeerVerifier } from '../tls/peer-verifier.js';
import type { VerifiedPeer } from './identity.js';
import { keepAlive } from './keepalive.js';
import type { Router } from './router.js';
import { refuse } from './status.js';
import { createTlsServer, replaceCertificate } from './tls-server.js';

/** Where the front listens, and with which certificate. */
export interface FrontAddress {
  readonly host: string;
  readonly port: number;
  /** Without one, the listener is in the clear. */
  readonly tls?: CertificateSource | undefined;
}

/** What the front needs. */
export interface FrontDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: FrontLimits;
  readonly route: Router;
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

// For what clients send, a connection keeps HTTP/2's own window of 64 KiB. Node's HTTP/2 does not read from a socket
// while a write waits for it: two such ends that both wait never read again. What fits into the buffers of a socket
// never waits, so a client in Node always reads, and what the agent writes always gets through. The price: all uploads
// of one connection share 64 KiB for each round trip. The window of a stream only bounds one that nobody reads.
const streamWindowBytes = 256 * 1024;
// Megabytes of protocol state and buffered input for one connection, before it gets no more streams.
const sessionMemoryMb = 64;
const lingerMs = 5_000;

/**
 * Opens the listener. Calls wait until {@link Front.admit}.
 * @throws PaneletError PORT_TAKEN when something else listens there; CONFIG_INVALID for a bad certificate or address.
 */
export async function openFront(address: FrontAddress, deps: FrontDeps): Promise<Front> {
  const settings = {
    initialWindowSize: streamWindowBytes,
    // Streams over one's own limit are refused with a status; over this one, gRPC clients queue them without a word.
    maxConcurrentStreams: deps.limits.maxStreamsPerConnection * 2,
  };
  const options = { settings, maxSessionMemory: sessionMemoryMb };
  const secure = address.tls === undefined ? undefined : secureServer(options, address.tls, deps);
  const server = secure?.server ?? createServer(options);
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let admitted = false;
  const receive: Receive = (stream, headers) => {
    const start = (): void => serve({ stream, headers, peer: peerOf(stream, secure?.peers) }, deps);
    if (admitted) start();
    else waiting.push(start);
  };
  secure?.onAuthorities(() => {
    for (const session of sessions) if (showsCertificate(session, secure.peers)) session.close();
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => acceptSession(session, { sessions, receive, deps }));
  server.on('sessionError', () => undefined);
  server.on('tlsClientError', (error) => deps.log.debug({ err: error }, 'TLS handshake failed'));
  const port = await listenOn(server, address);
  return {
    port,
    admit: () => {
      admitted = true;
      for (const start of waiting.splice(0)) start();
    },
    connections: () => sessions.size,
    close: (graceMs) => {
      secure?.close();
      return closeFront(server, { sessions, sockets, graceMs, clock: deps.clock });
    },
  };
}

interface Secure {
  readonly server: Http2SecureServer;
  readonly peers: PeerVerifier;
  /** Calls back when other authorities vouch for clients. */
  onAuthorities(callback: () => void): void;
  close(): void;
}

function secureServer(options: ServerOptions, source: CertificateSource, { log, clock }: FrontDeps): Secure {
  const server = createTlsServer(options, source);
  let clientCa = source.current()?.clientCa;
  let onAuthorities = (): void => undefined;
  const unsubscribe = source.changes.subscribe(() => {
    const next = source.current();
    if (next === undefined) return;
    try {
      replaceCertificate(server, next);
    } catch (error) {
      log.error({ err: error }, 'The certificate cannot be taken up, what was in force stays');
      return;
    }
    if (next.clientCa === clientCa) return;
    clientCa = next.clientCa;
    // Streams go on; for the next ones, these peers come again and are verified by what is trusted now.
    onAuthorities();
  });
  return {
    server,
    peers: createPeerVerifier(clock, () => clientCa),
    onAuthorities: (callback) => {
      onAuthorities = callback;
    },
    close: unsubscribe,
  };
}

function peerOf(stream: ServerHttp2Stream, peers: PeerVerifier | undefined): VerifiedPeer | undefined {
  const socket = socketOf(stream.session);
  return socket === undefined ? undefined : peers?.verify(socket);
}

function socketOf(session: Http2Session | undefined): TLSSocket | undefined {
  const socket = session?.destroyed === false ? session.socket : undefined;
  return socket instanceof TLSSocket ? socket : undefined;
}

function showsCertificate(session: Http2Session, peers: PeerVerifier): boolean {
  const socket = socketOf(session);
  return socket !== undefined && peers.hasCertificate(socket);
}

type Receive = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface Acceptance {
  readonly sessions: Set<ServerHttp2Session>;
  readonly receive: Receive;
  readonly deps: FrontDeps;
}

function acceptSession(session: ServerHttp2Session, { sessions, receive, deps }: Acceptance): void {
  session.on('error', (error) => deps.log.debug({ err: error }, 'Connection failed'));
  if (sessions.size >= deps.limits.maxConnections) {
    deps.log.warn({ connections: sessions.size }, 'Too many connections, one was refused');
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  sessions.add(session);
  keepAlive(session, {
    clock: deps.clock,
    intervalMs: deps.limits.keepaliveMs,
    timeoutMs: deps.limits.keepaliveTimeoutMs,
  });
  let streams = 0;
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.once('close', () => streams--);
    stream.once('finish', () => discardInput(stream, deps.clock));
    if (++streams <= deps.limits.maxStreamsPerConnection) receive(stream, headers);
    else refuse(stream, statusOf(new PaneletError('LIMIT_EXCEEDED', 'Too many streams on this connection.')));
  });
  session.once('close', () => sessions.delete(session));
}

// The answer is complete, and the client may keep its half open for ever. Discarding what it sends lets the stream
// close by itself; after a while NO_ERROR ends it (RFC 9113, 8.1). At once, the reset could overtake the trailers.
function discardInput(stream: ServerHttp2Stream, clock: Clock): void {
  if (stream.closed) return;
  stream.removeAllListeners('data');
  stream.resume();
  const timer = clock.after(lingerMs, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once('close', () => timer.stop());
}

interface Arrival {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly peer: VerifiedPeer | undefined;
}

function serve({ stream, headers, peer }: Arrival, deps: FrontDeps): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith('application/grpc')) {
    stream.respond({ ':status': 415, 'content-type': 'text/plain' });
    stream.end('This port speaks gRPC.\n');
    return;
  }
  const remoteAddress = stream.session?.socket.remoteAddress;
  deps.route({ stream, headers, remoteAddress, peer }).catch((error: unknown) => {
    const code = isPaneletError(error) ? error.code : 'INTERNAL';
    if (code === 'INTERNAL') deps.log.error({ err: error, path: headers[':path'] }, 'Call failed');
    else deps.log.debug({ code, path: headers[':path'], remoteAddress }, 'Call refused');
    refuse(stream, statusOf(error));
  });
}

interface Closing {
  readonly sessions: ReadonlySet<Http2Session>;
  readonly sockets: ReadonlySet<Socket>;
  readonly graceMs: number;
  readonly clock: Clock;
}

async function closeFront(
  server: Http2Server | Http2SecureServer,
  { sessions, sockets, graceMs, clock }: Closing,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  const timer = clock.after(graceMs, () => {
    for (const session of sessions) session.destroy();
    // A session that was closed before only ends its own half of the socket, and waits for the client to end the other.
    for (const socket of sockets) socket.destroy();
  });
  await closed;
  timer.stop();
}

import { readFile } from 'node:fs/promises';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '#common/clock.js';
import { isPaneletError, PaneletError } from '#common/errors.js';
import { statusOf } from '#common/grpc-status.js';
import type { Log } from '#common/log.js';
import type { FrontLimits } from '../config.js';
import { keepAlive } from './keepalive.js';
import type { Router } from './router.js';
import { refuse } from './status.js';

/** Where the front listens, and with which certificate. */
export interface FrontAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
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
  /** Takes up the certificate files again; keeps the ones in force when they cannot be read, and throws. */
  reloadCertificate(): Promise<void>;
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
  const secure = address.tls === undefined ? undefined : createTlsServer(options, await readCertificate(address.tls));
  const server = secure ?? createServer(options);
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let admitted = false;
  const receive: Receive = (stream, headers) => {
    if (admitted) serve(stream, headers, deps);
    else waiting.push(() => serve(stream, headers, deps));
  };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => acceptSession(session, { sessions, receive, deps }));
  server.on('sessionError', () => undefined);
  server.on('tlsClientError', (error) => deps.log.debug({ err: error }, 'TLS handshake failed'));
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    admit: () => {
      admitted = true;
      for (const start of waiting.splice(0)) start();
    },
    reloadCertificate: async () => {
      if (address.tls === undefined) return;
      const certificate = await readCertificate(address.tls);
      useCertificate(() => secure?.setSecureContext(certificate));
    },
    connections: () => sessions.size,
    close: (graceMs) => closeFront(server, { sessions, sockets, graceMs, clock: deps.clock }),
  };
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

function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, deps: FrontDeps): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith('application/grpc')) {
    stream.respond({ ':status': 415, 'content-type': 'text/plain' });
    stream.end('This port speaks gRPC.\n');
    return;
  }
  const remoteAddress = stream.session?.socket.remoteAddress;
  deps.route({ stream, headers, remoteAddress }).catch((error: unknown) => {
    const code = isPaneletError(error) ? error.code : 'INTERNAL';
    if (code === 'INTERNAL') deps.log.error({ err: error, path: headers[':path'] }, 'Call failed');
    else deps.log.debug({ code, path: headers[':path'], remoteAddress }, 'Call refused');
    refuse(stream, statusOf(error));
  });
}

interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function createTlsServer(options: ServerOptions, certificate: Certificate): Http2SecureServer {
  const tls = { allowHTTP1: false, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 } as const;
  return useCertificate(() => createSecureServer({ ...options, ...certificate, ...tls }));
}

function useCertificate<T>(use: () => T): T {
  try {
    return use();
  } catch (cause) {
    const message = `tls: certificate and key cannot be used: ${(cause as Error).message}`;
    throw new PaneletError('CONFIG_INVALID', message, { cause });
  }
}

async function readCertificate(files: { certFile: string; keyFile: string }): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)]);
    return { cert, key };
  } catch (error) {
    throw new PaneletError('CONFIG_INVALID', `tls: the certificate cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function listen(server: Http2Server | Http2SecureServer, { host, port }: FrontAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        const message = `Something else listens on ${host}:${port}. Stop it, or change "listen".`;
        reject(new PaneletError('PORT_TAKEN', message, { cause: error }));
      } else {
        const message = `listen: cannot listen on ${host}:${port}: ${error.message}`;
        reject(new PaneletError('CONFIG_INVALID', message, { cause: error }));
      }
    });
    server.listen(port, host, () => resolve());
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

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { listenOn, type ListenAddress } from './listen.js';
import type { Log } from '../log.js';

/** What came of asking who reads the metrics, and whether they may. */
export type MetricsDecision = 'allowed' | 'unauthenticated' | 'forbidden' | 'unavailable';

/** Certificate chain and key, PEM. */
export interface MetricsCertificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** What the metrics server needs. */
export interface MetricsServerDeps {
  readonly listen: ListenAddress;
  /** The certificate to use now; undefined while there is none. */
  readonly certificate: () => MetricsCertificate | undefined;
  /** Decides by the value of the `authorization` header; a rejection counts as unavailable. The address only says whose turn it is. */
  readonly authorize: (
    authorization: string | undefined,
    remoteAddress: string | undefined,
  ) => Promise<MetricsDecision>;
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly log: Log;
}

/** A metrics server that listens. */
export interface MetricsServer {
  readonly port: number;
  /** Takes the certificate up again, for new connections; one that cannot be used changes nothing and is logged. */
  refreshCertificate(): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

const statusOfDecision = { allowed: 200, unauthenticated: 401, forbidden: 403, unavailable: 503 } as const;
const textOfDecision = {
  unauthenticated: 'Send "authorization: Bearer <token>" with a token that the API server knows.\n',
  forbidden: 'This needs the permission to get the non-resource URL /metrics.\n',
  unavailable: 'The API server cannot be asked now. Try again.\n',
} as const;
const requestTimeoutMs = 10_000;
const maxConnections = 64;

/**
 * HTTPS server with `GET /metrics` and nothing else. While there is no certificate, every handshake fails: nothing is ever
 * said in the clear.
 * @throws PaneletError PORT_TAKEN or CONFIG_INVALID.
 */
export async function startMetricsServer(deps: MetricsServerDeps): Promise<MetricsServer> {
  const { log } = deps;
  const timeouts = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs };
  const server = createServer({ minVersion: 'TLSv1.2', maxHeaderSize: 32 * 1024, ...timeouts }, (request, response) => {
    answer(deps, request, response).catch((error: unknown) => {
      log.error({ err: error }, 'Metrics could not be given');
      if (response.headersSent) response.destroy();
      else endWith(response, 500, 'Internal error; the log has it.\n');
    });
  });
  server.maxConnections = maxConnections;
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'TLS handshake of a metrics reader failed'));
  refresh(server, deps);
  const port = await listenOn(server, deps.listen);
  return {
    port,
    refreshCertificate: () => refresh(server, deps),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refresh(server: Server, { certificate, log }: MetricsServerDeps): void {
  const current = certificate();
  if (current === undefined) return;
  try {
    server.setSecureContext({ cert: current.cert, key: current.key, minVersion: 'TLSv1.2' });
  } catch (error) {
    log.error({ err: error }, 'The certificate cannot be used for metrics, what was in force stays');
  }
}

async function answer(deps: MetricsServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (request.method !== 'GET' || path !== '/metrics') {
    endWith(response, 404, 'Not found.\n');
    return;
  }
  const decision = await decide(deps, request);
  if (decision !== 'allowed') {
    if (decision === 'unauthenticated') response.setHeader('www-authenticate', 'Bearer');
    endWith(response, statusOfDecision[decision], textOfDecision[decision]);
    return;
  }
  const { contentType, body } = await deps.render();
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
}

async function decide({ authorize, log }: MetricsServerDeps, request: IncomingMessage): Promise<MetricsDecision> {
  try {
    return await authorize(request.headers.authorization, request.socket.remoteAddress);
  } catch (error) {
    log.warn({ err: error }, 'Nobody could say whether metrics may be read');
    return 'unavailable';
  }
}

function endWith(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(text);
}

import { createServer } from 'node:http';
import { listenOn, type ListenAddress } from './listen.js';

/** What probes are told. */
export interface HealthServerDeps {
  readonly listen: ListenAddress;
  /** What keeps the process from being ready, a sentence each; empty when nothing does. */
  readonly unready: () => readonly string[];
  /** What only a restart of the process could repair; empty when nothing does. @default nothing */
  readonly dead?: () => readonly string[];
}

/** Answers probes. */
export interface HealthServer {
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

const requestTimeoutMs = 5_000;
const maxConnections = 64;

/**
 * Plaintext HTTP for the probes of a kubelet, unauthenticated, and therefore with nothing else on it: `/livez` (also
 * `/healthz`) and `/readyz`; 200 and `ok`, or 503 and the reasons.
 * @throws PaneletError PORT_TAKEN or CONFIG_INVALID.
 */
export async function startHealthServer({ listen, unready, dead }: HealthServerDeps): Promise<HealthServer> {
  const checks = new Map([
    ['/livez', dead ?? ((): readonly string[] => [])],
    ['/healthz', dead ?? ((): readonly string[] => [])],
    ['/readyz', unready],
  ]);
  const options = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8 * 1024 };
  const server = createServer(options, (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    const check = request.method === 'GET' || request.method === 'HEAD' ? checks.get(path) : undefined;
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    if (check === undefined) {
      response.writeHead(404, headers).end('Not found.\n');
      return;
    }
    const reasons = check();
    response.writeHead(reasons.length === 0 ? 200 : 503, headers);
    response.end(reasons.length === 0 ? 'ok\n' : reasons.map((reason) => `${reason}\n`).join(''));
  });
  server.maxConnections = maxConnections;
  const port = await listenOn(server, listen);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

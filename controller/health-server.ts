import { createServer, type Server } from 'node:http';

import { PaneletError } from '#common/errors.js';

/** Where probes ask. */
export interface HealthAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, or a port alone for every address.
 * @throws PaneletError CONFIG_INVALID
 */
export function parseHealthAddress(text: string): HealthAddress {
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? NaN);
  if (Number.isInteger(port) && port <= 65_535) return { host: match?.[1] ?? '::', port };
  throw new PaneletError(
    'CONFIG_INVALID',
    `--health-address is ${JSON.stringify(text)}; give host:port, such as :8080.`,
  );
}

/**
 * Answers /healthz with 200 and /readyz with 200 once `isReady` says so, else 503.
 * @throws PaneletError PORT_TAKEN
 */
export async function startHealthServer(address: HealthAddress, isReady: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const known = request.url === '/healthz' || request.url === '/readyz';
    const code = !known ? 404 : request.url === '/healthz' || isReady() ? 200 : 503;
    response.writeHead(code, { 'content-type': 'text/plain' }).end(code === 200 ? 'ok\n' : 'not ready\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const message = `Cannot listen on ${address.host}:${address.port}: ${error.message}`;
      reject(new PaneletError('PORT_TAKEN', message, { cause: error }));
    });
    server.listen(address.port, address.host === '' ? '::' : address.host, resolve);
  });
  return server;
}

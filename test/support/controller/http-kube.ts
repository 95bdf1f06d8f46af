import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSystemClock } from '#common/time/clock.js';
import type { KubeApi } from '#kube/api.js';
import { createKubeClient } from '#kube/client-node/kube-client.js';
import { PooledKubeConfig } from '#kube/client-node/pooled-kube-config.js';
import { createSystemRandom } from '#common/random.js';
import { ensureCertificates } from '#devcluster/http/access/certificates.js';

/** A request that the server got. */
export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request; without an answer for it the test fails with a 501. */
export type Handler = (request: SeenRequest, response: ServerResponse) => void;

/** A real HTTPS server in the place of an API server, and a real client of it. */
export interface HttpKube {
  readonly api: KubeApi;
  readonly config: PooledKubeConfig;
  readonly seen: SeenRequest[];
  handler: Handler;
  /** Connections that are open now. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** Answers with JSON. */
export function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Starts a server on a free port. */
export async function startHttpKube(timeoutMs = 2_000): Promise<HttpKube> {
  const seen: SeenRequest[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'panelet-kube-'));
  const { caCertificate, certificate, key } = await ensureCertificates({
    directory,
    hosts: ['127.0.0.1'],
    clock: createSystemClock(),
    random: createSystemRandom(),
  });
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const got = { method, url: new URL(url, 'http://x'), headers, body: Buffer.concat(parts).toString() };
      seen.push(got);
      kube.handler(got, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = new PooledKubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'c',
      server: `https://127.0.0.1:${port}`,
      skipTLSVerify: false,
      caData: Buffer.from(caCertificate).toString('base64'),
    },
    { name: 'u', token: 'secret' },
  );
  const kube: HttpKube = {
    api: createKubeClient({ config, clock: createSystemClock(), timeoutMs }),
    config,
    seen,
    handler: (_request, response) => json(response, 501, {}),
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    close: async () => {
      await config.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return kube;
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { openClusterStore } from '#devcluster/host/cluster-store.js';
import { startApiServer } from '#devcluster/http/api-server.js';
import { ensureCertificates } from '#devcluster/http/access/certificates.js';
import { writeKubeconfig } from '#devcluster/http/access/kubeconfig.js';
import type { PodLogSource } from '#devcluster/http/handlers/pod-logs.js';
import type { AccountTokens } from '#devcluster/http/access/account-tokens.js';
import type { ObjectStore } from '#devcluster/store/object-store.js';

/** The dev cluster's API server in this process, without nodes and controllers. */
export interface RunningApi {
  readonly url: string;
  readonly store: ObjectStore;
  /** Kubeconfig of somebody who may do everything. */
  readonly kubeconfig: string;
  /** Kubeconfig of somebody who may only read. */
  readonly viewerKubeconfig: string;
  /** Kubeconfig with a token that nobody has. */
  readonly strangerKubeconfig: string;
  readonly caCertificate: string;
  readonly token: string;
  close(): Promise<void>;
}

/** Starts an API server on a free port, its state in a new temporary directory unless one is given. */
export async function startRunningApi(
  options: { podLogs?: PodLogSource; directory?: string; accountTokens?: AccountTokens } = {},
): Promise<RunningApi> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'panelet-api-'));
  const deps = { clock: createSystemClock(), random: createSystemRandom(), log: createSilentLog() };
  const definition = readFileSync(
    resolve(import.meta.dirname, '../../charts/panelet/files/panelrestarts.yaml'),
    'utf8',
  );
  const cluster = await openClusterStore({ ...deps, directory: join(directory, 'store'), definitions: [definition] });
  const certificates = await ensureCertificates({ ...deps, directory: join(directory, 'pki'), hosts: ['127.0.0.1'] });
  const [token, viewerToken] = ['admin-token', 'viewer-token'];
  const server = await startApiServer({
    ...deps,
    store: cluster.store,
    kinds: cluster.kinds,
    certificates,
    users: [
      { name: 'admin', token },
      { name: 'viewer', token: viewerToken, access: 'view' },
    ],
    port: 0,
    ...(options.podLogs === undefined ? {} : { podLogs: options.podLogs }),
    ...(options.accountTokens === undefined ? {} : { accountTokens: options.accountTokens }),
  });
  const { caCertificate } = certificates;
  const write = (user: string, userToken: string): string => {
    const path = join(directory, `${user}.kubeconfig`);
    writeKubeconfig(path, { server: server.url, caCertificate, user, token: userToken });
    return path;
  };
  return {
    url: server.url,
    store: cluster.store,
    kubeconfig: write('admin', token),
    viewerKubeconfig: write('viewer', viewerToken),
    strangerKubeconfig: write('stranger', 'wrong'),
    caCertificate,
    token,
    close: async () => {
      await server.close();
      await cluster.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '#common/hex.js';
import type { Clock } from '#common/time/clock.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { openClusterStore, type ClusterStore } from './cluster-store.js';
import { startApiServer, type ApiServer } from '../http/api-server.js';
import { ensureCertificates } from '../http/access/certificates.js';
import { writeKubeconfig } from '../http/access/kubeconfig.js';
import type { PodLogSource } from '../http/handlers/pod-logs.js';
import type { ObjectStore } from '../store/object-store.js';
import type { ClusterDirectory } from './cluster-directory.js';
import { findToken } from './identities.js';
import { paneletNamespace } from './initial-objects.js';

/** What the API needs. */
export interface ApiOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly directory: ClusterDirectory;
  readonly definitionFile: string;
  /** Port on 127.0.0.1; 0 for a free one. */
  readonly port: number;
  readonly podLogs: PodLogSource;
}

/** The API while it runs. */
export interface RunningApi {
  readonly port: number;
  readonly url: string;
  readonly store: ObjectStore;
  close(): Promise<void>;
}

const host = '127.0.0.1';
const adminName = 'kubernetes-admin';

function readDefinition(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PaneletError(
      'CONFIG_INVALID',
      `Cannot read the definition of PanelRestart in ${file}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** Token of the kubeconfig's user; made once, so that copies of a kubeconfig stay good. */
function ensureAdminToken(directory: ClusterDirectory, random: Random): string {
  const file = join(directory.tokens, adminName);
  if (!existsSync(file)) writeFileSync(file, `${hexOf(random.bytes(32))}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

async function serve(options: ApiOptions, { kinds, store }: ClusterStore): Promise<ApiServer> {
  const { clock, directory, log, random } = options;
  const certificates = await ensureCertificates({
    directory: join(directory.path, 'pki'),
    hosts: [host, 'localhost'],
    clock,
    random,
  });
  const token = ensureAdminToken(directory, random);
  const server = await startApiServer({
    ...{ store, kinds, certificates, clock, random, log, host },
    port: options.port,
    users: [{ name: adminName, token }],
    podLogs: options.podLogs,
    accountTokens: (namespace, name) =>
      namespace === paneletNamespace ? findToken(directory.tokens, name) : undefined,
  });
  const { caCertificate } = certificates;
  writeKubeconfig(directory.kubeconfig, { server: server.url, caCertificate, user: adminName, token });
  return server;
}

/**
 * Opens the store, starts what keeps it tidy, serves it, and writes the kubeconfig.
 * @throws PORT_TAKEN, STATE_DIR_UNUSABLE, CONFIG_INVALID.
 */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { clock, directory, log, random } = options;
  const definitions = [readDefinition(options.definitionFile)];
  const opened = await openClusterStore({ directory: directory.store, definitions, clock, random, log });
  try {
    const server = await serve(options, opened);
    return {
      port: server.port,
      url: server.url,
      store: opened.store,
      close: async () => {
        await server.close();
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

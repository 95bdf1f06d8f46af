import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#common/clock.js';
import { PaneletError } from '#common/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { startApiServer, type ApiServer } from '../http/api-server.js';
import { ensureCertificates } from '../http/certificates.js';
import { writeKubeconfig } from '../http/kubeconfig.js';
import type { PodLogSource } from '../http/pod-logs.js';
import { builtinKinds } from '../kinds/builtin-kinds.js';
import { createCustomKind, establishedDefinition, parseDefinition, type Definition } from '../kinds/custom-kind.js';
import type { ServedKind } from '../kinds/served-kind.js';
import { startGarbageCollector } from '../store/garbage-collector.js';
import { openJournal } from '../store/journal.js';
import { createObjectStore } from '../store/memory-object-store.js';
import { startNamespaceCleaner } from '../store/namespace-cleaner.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { ClusterDirectory } from './cluster-directory.js';

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

function readDefinition(file: string): Definition {
  try {
    return parseDefinition(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new PaneletError('CONFIG_INVALID', `Cannot use ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Token of the kubeconfig's user; made once, so that copies of a kubeconfig stay good. */
function ensureAdminToken(directory: ClusterDirectory, random: Random): string {
  const file = join(directory.tokens, adminName);
  if (!existsSync(file)) writeFileSync(file, `${random.bytes(32).toString('hex')}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

async function openStore(
  options: ApiOptions,
  served: readonly ServedKind[],
  definition: Definition,
): Promise<ObjectStore> {
  const { clock, directory, random } = options;
  // Kinds with two names (events) are stored under one.
  const stored = served.filter(
    ({ kind }, index) => served.findIndex((other) => other.storedAs === kind.plural) === index,
  );
  const kinds = stored.map(({ kind }) => kind);
  const store = createObjectStore({ kinds, clock, random, disk: openJournal(directory.store) });
  const established = establishedDefinition(
    definition,
    clock
      .date()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z'),
  );
  try {
    await store.create('customresourcedefinitions', established);
  } catch (error) {
    if (!isStatusError(error, 'AlreadyExists')) throw error;
    await store.update('customresourcedefinitions', { ...established, metadata: { name: established.metadata.name } });
  }
  return store;
}

async function serve(options: ApiOptions, served: readonly ServedKind[], store: ObjectStore): Promise<ApiServer> {
  const { clock, directory, log, random } = options;
  const certificates = await ensureCertificates({
    directory: join(directory.path, 'pki'),
    hosts: [host, 'localhost'],
    clock,
    random,
  });
  const token = ensureAdminToken(directory, random);
  const server = await startApiServer({
    ...{ store, kinds: served, certificates, clock, random, log, host },
    port: options.port,
    users: [{ name: adminName, token }],
    podLogs: options.podLogs,
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
  const { log } = options;
  const definition = readDefinition(options.definitionFile);
  const served = [...builtinKinds, createCustomKind(definition)];
  const store = await openStore(options, served, definition);
  const stored = [...new Map(served.map(({ kind, storedAs }) => [storedAs, kind.namespaced] as const))];
  const stops = [
    startGarbageCollector({ store, resources: stored.map(([plural]) => plural), log }),
    startNamespaceCleaner({
      store,
      resources: stored.filter(([, namespaced]) => namespaced).map(([plural]) => plural),
      log,
    }),
  ];
  const tidyUp = async (): Promise<void> => {
    for (const stop of stops) stop();
    await store.close();
  };
  try {
    const server = await serve(options, served, store);
    return {
      port: server.port,
      url: server.url,
      store,
      close: async () => {
        await server.close();
        await tidyUp();
      },
    };
  } catch (error) {
    await tidyUp();
    throw error;
  }
}

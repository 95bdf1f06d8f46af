import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog, type Log } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { createDevCluster, type DevCluster, type DevClusterOptions } from '#devcluster/cluster.js';
import { localPrograms, podEnvironment } from '#devcluster/host/local-programs.js';
import { findProcessesByEnvironment, type ProcessIdentity } from '#devcluster/launcher/proc-fs.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';
import { waitFor } from './wait-for.js';

/** What a cluster for a test is made with. */
export interface TestClusterOptions extends Partial<DevClusterOptions> {
  /** Where the bundled programs are. */
  readonly binDirectory: string;
  /** Root of the repository. */
  readonly root: string;
  readonly log?: Log;
}

/** A dev cluster in a directory of its own, with clients. */
export interface TestCluster {
  readonly cluster: DevCluster;
  readonly dir: string;
  /** Client of one node's agent, as alice. */
  client(nodeName: string): PaneletClient;
  /** Pods of the agents, by node. */
  agentPods(): ReadonlyMap<string, StoredPod>;
  /** Resolves when every node has a Ready agent. @throws after `limitMs`. */
  agentsReady(limitMs: number): Promise<void>;
  /** Processes of this cluster that run, or of one of its nodes. */
  processes(nodeName?: string): readonly ProcessIdentity[];
  /** Ends clients and cluster and removes the directory, unless it is to be kept. @returns what was left, in words. */
  stop(options?: { readonly keep: boolean }): Promise<readonly string[]>;
}

const clock = createSystemClock({ keepsAlive: true });

function isReady(pod: StoredPod): boolean {
  return pod.metadata.deletionTimestamp === undefined && podCondition(pod, 'Ready')?.status === 'True';
}

/** A new directory, short enough for sockets. */
export function makeTestDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'panelet-'));
}

/** Starts a cluster in a new directory. */
export async function startTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const { binDirectory, root, log, ...rest } = options;
  const dir = options.dir ?? makeTestDirectory();
  const cluster = await createDevCluster(
    {
      programs: localPrograms(process.execPath, binDirectory),
      environment: podEnvironment(process.env),
      definitionFile: join(root, 'charts', 'panelet', 'files', 'panelrestarts.yaml'),
      agentLogLevel: 'info',
      ...rest,
      dir,
    },
    { clock, random: createSystemRandom(), log: log ?? createSilentLog() },
  );
  const clients = new Map<string, PaneletClient>();
  const agentPods = (): Map<string, StoredPod> => {
    const pods = cluster.store.list<StoredPod>('pods', { ns: 'panelet-system' }).items.filter(isReady);
    return new Map(pods.map((pod) => [pod.spec.nodeName ?? '', pod]));
  };
  const processes = (nodeName?: string): ProcessIdentity[] => {
    const all = [...cluster.nodes.map((node) => cluster.marker(node.name)), cluster.marker()];
    const markers = nodeName === undefined ? all : [cluster.marker(nodeName)];
    return markers.flatMap(findProcessesByEnvironment);
  };
  return {
    cluster,
    dir,
    client: (nodeName) => {
      const node = cluster.nodes.find((candidate) => candidate.name === nodeName);
      if (node === undefined) throw new Error(`There is no node ${nodeName}.`);
      const client =
        clients.get(nodeName) ?? createPaneletClient({ address: node.agentAddress, token: cluster.token('alice') });
      clients.set(nodeName, client);
      return client;
    },
    agentPods,
    agentsReady: (limitMs) =>
      waitFor('Ready agents on every node', () => agentPods().size === cluster.nodes.length, limitMs),
    processes,
    stop: async (stopOptions) => {
      await Promise.all([...clients.values()].map((client) => client.close()));
      await cluster.stop();
      const left = processes().map(({ pid }) => `process ${pid} is left`);
      if (stopOptions?.keep !== true) rmSync(dir, { recursive: true, force: true });
      return left;
    },
  };
}

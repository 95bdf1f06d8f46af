import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '#common/time/clock.js';
import { createSilentLog, type Log } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createPaneletClient, type AddressQuery, type PaneletClient } from '#client/sdk.js';
import { createDevCluster, type DevCluster, type DevClusterOptions, type DevNode } from '#devcluster/cluster.js';
import { agentPort, paneletNamespace } from '#devcluster/host/initial-objects.js';
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
  /** Client of one node's agent, as alice: of the newest one that is Ready, or of the pod that is asked for. */
  client(nodeName: string): PaneletClient;
  /** Ready pods of the agents, by node; of two on a node the one that its DaemonSet counts. */
  agentPods(): ReadonlyMap<string, StoredPod>;
  /** Resolves when every node has a Ready agent. @throws after `limitMs`. */
  agentsReady(limitMs: number): Promise<void>;
  /** Processes of this cluster that run, or of one of its nodes. */
  processes(nodeName?: string): readonly ProcessIdentity[];
  /** Ends clients and cluster and removes the directory, unless it is to be kept. @returns what was left, in words. */
  stop(options?: { readonly keep: boolean }): Promise<readonly string[]>;
}

const clock = createSystemClock({ keepsAlive: true });

const inDaemonSet = (pod: StoredPod): number => Number(pod.metadata.labels?.['panelet.dev/in-daemonset'] === 'true');

/** Agents of a cluster, the one that counts last. */
function agentsOf(cluster: DevCluster): StoredPod[] {
  const options = { ns: paneletNamespace, labelSelector: 'panelet.dev/component=agent' };
  return cluster.store.list<StoredPod>('pods', options).items.toSorted((a, b) => inDaemonSet(a) - inDaemonSet(b));
}

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
    return new Map(
      agentsOf(cluster)
        .filter(isReady)
        .map((pod) => [pod.spec.nodeName ?? '', pod]),
    );
  };
  const addressOf = (node: DevNode, podUid: string | undefined): string => {
    const named = agentsOf(cluster).find(({ metadata }) => metadata.uid === podUid);
    const podIp = (named ?? agentPods().get(node.name))?.status?.podIP;
    return podIp === undefined ? node.agentAddress : `${podIp}:${agentPort}`;
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
      const resolve = ({ podUid }: AddressQuery): string => addressOf(node, podUid);
      const client = clients.get(nodeName) ?? createPaneletClient({ resolve, token: cluster.token('alice') });
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

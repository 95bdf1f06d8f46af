import { createPaneletClient, type PaneletClient } from '../../panelet-client.js';
import type { PaneletClientOptions } from '../../connect/client-options.js';
import type { TlsOption } from '../../connect/endpoint-address.js';
import { PaneletError } from '#common/errors/errors.js';
import { listAgentPods, type AgentPod } from './agent-pods.js';
import { createAgentRoute, noAgents, nodesOf, type AgentRoute } from './agent-route.js';
import type { CliWorld } from '../io/cli-world.js';
import { createTokenSource } from './cluster-credentials.js';
import { ClusterTrust } from './cluster-trust.js';
import type { Kubectl } from './kubectl.js';
import type { Via } from './via.js';

/** How the agents of a cluster are reached, as the command line says. */
export interface ClusterOptions {
  readonly kubectl: Kubectl;
  readonly world: Pick<CliWorld, 'clock' | 'random'>;
  readonly namespace: string;
  /** @default what the pod says */
  readonly via: Via | undefined;
  /** Token that was given; else tokens of the ServiceAccount are made. */
  readonly token: string | undefined;
  readonly serviceAccount: string;
  /**
   * How to protect connections, as far as it was given; `'auto'` with the cluster's own authorities. A cluster that has none is
   * spoken to in plaintext on this machine only.
   */
  readonly tls: TlsOption;
}

/** What a client of one node is made with, and the way that it uses. */
export interface NodeAccess {
  readonly node: string;
  readonly client: Pick<PaneletClientOptions, 'resolve' | 'token' | 'tls'>;
  readonly route: AgentRoute;
}

/** The agents of a cluster, by way of kubectl. */
export interface Cluster {
  readonly namespace: string;
  /** Pods of the agents now. @throws API_NOT_FOUND when there is none. */
  agents(): Promise<readonly AgentPod[]>;
  /** Nodes with an agent. @throws API_NOT_FOUND when there is none. */
  nodes(): Promise<readonly string[]>;
  /** The way to the agent of a node; open until `leave`, or `close`. */
  node(name: string): NodeAccess;
  /** Ends the way to a node. Resolves when nothing of it is left. */
  leave(access: NodeAccess): Promise<void>;
  /** Uses a client of a node, and ends the way to it. */
  withClient<Result>(node: string, use: (client: PaneletClient) => Promise<Result>): Promise<Result>;
  /** Token for agents. */
  token(): Promise<string>;
  /** How connections to the agent of a node are protected now. */
  tls(node: string): TlsOption;
  /** Ends every way. Resolves when nothing of them is left. */
  close(): Promise<void>;
}

/** How long a person waits for a connection to what gives no answer, in milliseconds. */
export const dialTimeoutMs = 5000;

/** Times that fit a way that may have to be looked up again while a pod is replaced. */
export const clusterTimes = { connectTimeoutMs: 8000, dialTimeoutMs } as const;

/** A cluster of which nothing has been asked yet. */
export function createCluster(options: ClusterOptions): Cluster {
  const { kubectl, world, namespace, via } = options;
  const deps = { kubectl, clock: world.clock, namespace };
  const routes = new Set<AgentRoute>();
  const { token } = options;
  const tokens =
    token === undefined
      ? createTokenSource({ ...deps, account: options.serviceAccount })
      : () => Promise.resolve(token);
  const trust = new ClusterTrust(deps, options.tls);
  const agents = async (): Promise<readonly AgentPod[]> => {
    const pods = await listAgentPods(kubectl, { namespace });
    if (pods.length === 0) throw noAgents(namespace);
    return pods;
  };
  const access = (node: string): NodeAccess => {
    const route = createAgentRoute({ ...deps, node, via, dialled: (direct) => trust.renew(node, direct) });
    routes.add(route);
    return {
      node,
      route,
      client: { resolve: (query) => route.resolve(query), token: tokens, tls: () => trust.tls(node) },
    };
  };
  const leave = async ({ route }: NodeAccess): Promise<void> => {
    routes.delete(route);
    await route.close();
  };
  return {
    namespace,
    agents,
    nodes: async () => nodesOf(await agents()),
    node: access,
    leave,
    withClient: async (node, use) => {
      const way = access(node);
      const { route, client: reach } = way;
      const { clock, random } = world;
      const client = createPaneletClient({ ...reach, times: clusterTimes, clock, random });
      try {
        return await use(client);
      } catch (error) {
        throw await route.explain(error);
      } finally {
        await client.close();
        await leave(way);
      }
    },
    token: tokens,
    tls: (node) => trust.tls(node),
    close: async () => {
      const open = [...routes];
      routes.clear();
      await Promise.all(open.map((route) => route.close()));
    },
  };
}

/** The only node of a cluster that has one. @throws CONFIG_INVALID naming them when there are several. */
export async function onlyNode(cluster: Cluster): Promise<string> {
  const nodes = await cluster.nodes();
  const [node, ...others] = nodes;
  if (node !== undefined && others.length === 0) return node;
  throw new PaneletError('CONFIG_INVALID', `Which node? Give --node: agents run on ${nodes.join(', ')}.`);
}

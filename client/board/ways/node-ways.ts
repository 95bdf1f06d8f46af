import { createGateClient, type GateClient } from '../../calls/gate-client.js';
import { createPaneletClient, type PaneletClient } from '../../panelet-client.js';
import { clusterTimes, type Cluster } from '../../cli/cluster/cluster.js';
import { patientTimes } from '../../cli/access/agent-access.js';
import type { CliWorld } from '../../cli/io/cli-world.js';

/** A way to the agent of a node; it is shared. */
export interface NodeWay {
  readonly client: PaneletClient;
  /** A client of its gate, which the caller closes. */
  gate(): Promise<GateClient>;
  /** An error in terms of the node. */
  explain(error: unknown): Promise<unknown>;
  /** Gives it back. The last one closes it. Twice is fine. */
  release(): void;
}

/** Ways to nodes: one for each, however many use it. */
export interface NodeWays {
  take(node: string): NodeWay;
  /** Closes all. Resolves when nothing is left of them. */
  close(): Promise<void>;
}

interface OpenWay extends Omit<NodeWay, 'release'> {
  users: number;
  close(): Promise<void>;
}

/** No way at first. */
export function createNodeWays(cluster: Cluster, world: Pick<CliWorld, 'clock' | 'random'>): NodeWays {
  const ways = new Map<string, OpenWay>();
  const closing = new Set<Promise<void>>();
  const { clock, random } = world;
  const open = (node: string): OpenWay => {
    const access = cluster.node(node);
    const { route } = access;
    const client = createPaneletClient({ ...access.client, ...patientTimes, times: clusterTimes, clock, random });
    return {
      users: 0,
      client,
      gate: async () => {
        const [token] = await Promise.all([cluster.token(), route.resolve({ attempt: 0 })]);
        return createGateClient({
          resolve: (query) => route.resolve(query),
          token,
          tls: () => cluster.tls(node),
          clock,
        });
      },
      explain: (error) => route.explain(error),
      close: async () => {
        await client.close();
        await cluster.leave(access);
      },
    };
  };
  const close = (node: string, way: OpenWay): void => {
    ways.delete(node);
    const closed = way.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  return {
    take: (node) => {
      const way = ways.get(node) ?? open(node);
      ways.set(node, way);
      way.users += 1;
      let isOurs = true;
      const release = (): void => {
        if (!isOurs) return;
        isOurs = false;
        way.users -= 1;
        if (way.users === 0 && ways.get(node) === way) close(node, way);
      };
      return { client: way.client, gate: way.gate, explain: way.explain, release };
    },
    close: async () => {
      for (const [node, way] of [...ways]) close(node, way);
      await Promise.all(closing);
      await cluster.close();
    },
  };
}

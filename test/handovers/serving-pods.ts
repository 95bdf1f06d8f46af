import type { AgentHome } from '#test/support/agent/running-agent.js';
import { startCuttingProxy, type CuttingProxy } from '#test/support/cutting-proxy.js';
import { PodAgent } from './pod-agent.js';

/** The way of one client to a node. */
export interface ClientNetwork {
  /** Of a Service: a connection leads to the newest agent that serves. */
  readonly service: string;
  /** Of the newest agent that serves, and of the oldest one. */
  readonly pods: readonly string[];
  /** Breaks every connection now. */
  cut(): void;
  /** From now on it is as if the client were dead: its connections break, and it gets no other. */
  leave(): void;
  close(): Promise<void>;
}

/** The agents of a node, which replace each other while clients come. */
export interface ServingPods {
  /** A pod that nobody had before; nothing runs in it yet. */
  create(): PodAgent;
  /** Those that clients may be led to, the newest first. */
  serving: readonly PodAgent[];
  /** A way for one more client. */
  network(): Promise<ClientNetwork>;
  close(): Promise<void>;
}

// Nobody listens there: a connection is refused, as that of a Service without a pod.
const nobodysPort = 1;

/** A node without a pod. */
export function createServingPods(home: AgentHome): ServingPods {
  const proxies = new Set<CuttingProxy>();
  let count = 0;
  const lead = async (to: () => PodAgent | undefined): Promise<CuttingProxy> => {
    const proxy = await startCuttingProxy(() => to()?.port ?? nobodysPort, { targetHost: home.host });
    proxies.add(proxy);
    return proxy;
  };
  const pods: ServingPods = {
    serving: [],
    create: () => new PodAgent((count += 1), home),
    network: async () => {
      const newest = await lead(() => pods.serving[0]);
      const oldest = await lead(() => pods.serving.at(-1));
      const both = [newest, oldest];
      return {
        service: newest.address,
        pods: both.map(({ address }) => address),
        cut: () => both.forEach((proxy) => proxy.cut()),
        leave: () => {
          for (const proxy of both) {
            proxy.refusing = true;
            proxy.cut();
          }
        },
        close: async () => {
          for (const proxy of both) proxies.delete(proxy);
          await Promise.all(both.map((proxy) => proxy.close()));
        },
      };
    },
    close: async () => {
      await Promise.all([...proxies].map((proxy) => proxy.close()));
    },
  };
  return pods;
}

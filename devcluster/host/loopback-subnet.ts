import { createServer } from 'node:net';
import { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';

/** First three numbers of the addresses of a dev cluster's nodes, for example `127.83.12`. */
export type LoopbackSubnet = string;

// Node addresses start at .10: .0 and .255 look like network and broadcast, .1 is what other tools pick first.
const firstHost = 10;
/** Nodes that a subnet has room for. */
export const mostNodes = 20;
const lastHost = 254;
const attempts = 50;

/** Address of the node number `index`, from 0. */
export function nodeAddress(subnet: LoopbackSubnet, index: number): string {
  return `${subnet}.${firstHost + index}`;
}

/** Addresses for the pods of the node number `index`, from 0; the first one is the node's own. */
export function podAddresses(subnet: LoopbackSubnet, index: number): readonly [string, ...string[]] {
  const first = firstHost + index;
  // So far apart that the addresses of all nodes lie between them.
  const more = Array.from({ length: Math.floor((lastHost - first) / mostNodes) }, (_, step) => (step + 1) * mostNodes);
  return [nodeAddress(subnet, index), ...more.map((distance) => `${subnet}.${first + distance}`)];
}

/** True when nobody listens on that port of that address. */
export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function isSubnetFree(subnet: LoopbackSubnet, nodes: number, ports: readonly number[]): Promise<boolean> {
  for (let index = 0; index < nodes; index++) {
    for (const port of ports) if (!(await isPortFree(nodeAddress(subnet, index), port))) return false;
  }
  return true;
}

/**
 * A subnet of the loopback network on which `ports` are free for every node, so that clusters run beside each other.
 * @throws PORT_TAKEN when there is none, for example because this machine's loopback is not 127.0.0.0/8.
 */
export async function chooseSubnet(random: Random, nodes: number, ports: readonly number[]): Promise<LoopbackSubnet> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const part = (): number => 1 + Math.floor(random.number() * 254);
    const subnet = `127.${part()}.${part()}`;
    if (await isSubnetFree(subnet, nodes, ports)) return subnet;
  }
  throw new PaneletError(
    'PORT_TAKEN',
    `Found no loopback addresses 127.x.y.z with the ports ${ports.join(' and ')} free. On this machine only 127.0.0.1 may be set up.`,
  );
}

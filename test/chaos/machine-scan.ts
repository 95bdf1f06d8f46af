import { connect } from 'node:net';
import type { World } from '#test/e2e/support/world.js';
import { outputOf } from '#test/e2e/support/run-program.js';
import { isOfCluster, podProcesses } from '#test/e2e/support/proc.js';
import type { Machine } from './leftovers.js';

const ports = [7443, 7445];
const connectLimitMs = 500;

/** Remembers the addresses that agents had. */
export interface AddressBook {
  note(): void;
  /** Those that no pod has now. */
  former(): readonly string[];
}

/** An empty one. */
export function createAddressBook(world: World): AddressBook {
  const seen = new Set<string>();
  const current = (): string[] => world.watch.pods().flatMap(({ status }) => status?.podIP ?? []);
  return {
    note: () => {
      for (const pod of world.watch.podsOf('agent').values())
        if (pod.status?.podIP !== undefined) seen.add(pod.status.podIP);
    },
    former: () => {
      const used = new Set(current());
      return [...seen].filter((address) => !used.has(address));
    },
  };
}

interface Place {
  readonly host: string;
  readonly port: number;
}

function answers({ host, port }: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectLimitMs });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

/** Looks at the machine's processes and at the ports that pods had. */
export async function scanMachine(world: World, addresses: AddressBook): Promise<Machine> {
  const { kubectl, kubeconfig, ownCluster: own } = world.env;
  const path = 'jsonpath={range .items[*]}{.metadata.uid}{"\\n"}{end}';
  const uids = await outputOf(kubectl, ['--kubeconfig', kubeconfig, 'get', 'pods', '--all-namespaces', '-o', path]);
  const former = addresses.former().flatMap((host) => ports.map((port) => ({ host, port })));
  const open = await Promise.all(former.map(answers));
  return {
    processes: own === undefined ? podProcesses(/./) : podProcesses(/./).filter((process) => isOfCluster(process, own)),
    livePods: new Set(uids.split('\n').filter((uid) => uid !== '')),
    openPorts: former.filter((_, index) => open[index]).map(({ host, port }) => `${host}:${port}`),
  };
}

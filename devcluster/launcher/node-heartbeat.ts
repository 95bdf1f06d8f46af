import { arch, cpus, release, totalmem, type } from 'node:os';
import { type Clock, type Timer, timestamp } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { StoredObject } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { Node, NodeCondition } from './node.js';

/** What a heartbeat needs. */
export interface NodeHeartbeatDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
  readonly nodeIp: string;
}

/** Says that a node is there. */
export interface NodeHeartbeat {
  /** Makes the node object and its lease, or takes them up again; then renews both. */
  start(): Promise<void>;
  /** Says no more. With `lost`, also what a cluster finds out by itself after a while: nothing is known of the node. */
  stop(options?: { readonly lost: boolean }): Promise<void>;
}

interface Lease extends StoredObject {
  spec: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string };
}

// A kubelet renews its lease of 40 s every 10 s.
const renewMs = 10_000;
const leaseSeconds = 40;
const leaseNamespace = 'kube-node-lease';

const healthy: readonly (readonly [string, 'True' | 'False', string, string])[] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

function withTransitions(before: readonly NodeCondition[], now: string, lost: boolean): NodeCondition[] {
  return healthy.map(([conditionType, status, reason, message]) => {
    const previous = before.find((condition) => condition.type === conditionType);
    const next = lost
      ? { status: 'Unknown' as const, reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }
      : { status, reason, message };
    const same = previous?.status === next.status;
    return {
      type: conditionType,
      ...next,
      lastHeartbeatTime: lost ? (previous?.lastHeartbeatTime ?? now) : now,
      lastTransitionTime: same ? previous.lastTransitionTime : now,
    };
  });
}

function describeNode(deps: NodeHeartbeatDeps): NonNullable<Node['status']> {
  const size = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: '110' };
  return {
    addresses: [
      { type: 'InternalIP', address: deps.nodeIp },
      { type: 'Hostname', address: deps.nodeName },
    ],
    capacity: size,
    allocatable: size,
    nodeInfo: {
      architecture: arch() === 'x64' ? 'amd64' : arch(),
      operatingSystem: 'linux',
      osImage: `${type()} (local processes)`,
      kernelVersion: release(),
      kubeletVersion: 'v1.37.2+panelet',
      kubeProxyVersion: '',
      containerRuntimeVersion: 'local://1',
      machineID: '',
      systemUUID: '',
      bootID: '',
    },
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
  };
}

/** Heartbeat of one node: the Node object with its conditions, and its lease. */
export function createNodeHeartbeat(deps: NodeHeartbeatDeps): NodeHeartbeat {
  const { store, clock, nodeName } = deps;
  let timer: Timer | undefined;
  let stopped = false;
  const now = (): string => timestamp(clock.date());

  const ensure = async (resource: string, object: StoredObject): Promise<void> => {
    if (store.get(resource, object.metadata.namespace, object.metadata.name) !== undefined) return;
    await store.create(resource, object).catch((error: unknown) => {
      if (!isStatusError(error, 'AlreadyExists')) throw error;
    });
  };

  const report = (lost: boolean): Promise<Node> =>
    store.mutate<Node>(
      'nodes',
      { name: nodeName },
      (node) => {
        node.status = {
          ...describeNode(deps),
          conditions: withTransitions(node.status?.conditions ?? [], now(), lost),
        };
      },
      { subresource: 'status' },
    );

  const renew = async (): Promise<void> => {
    await store.mutate<Lease>('leases', { ns: leaseNamespace, name: nodeName }, (lease) => {
      const renewTime = clock.date().toISOString().replace('Z', '000Z');
      lease.spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
    });
  };

  const beat = async (): Promise<void> => {
    try {
      await renew();
    } catch (err) {
      deps.log.error({ err, node: nodeName }, 'Node lease not renewed');
    }
    if (!stopped) timer = clock.after(renewMs, () => void beat());
  };

  return {
    start: async () => {
      stopped = false;
      const os = 'linux';
      const architecture = arch() === 'x64' ? 'amd64' : arch();
      const labels = {
        'kubernetes.io/hostname': nodeName,
        'kubernetes.io/os': os,
        'kubernetes.io/arch': architecture,
      };
      await ensure('nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: nodeName, labels },
        spec: {},
      } as StoredObject);
      await ensure('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: leaseNamespace } });
      const metadata = { name: nodeName, namespace: leaseNamespace };
      await ensure('leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata,
        spec: {},
      } as StoredObject);
      await report(false);
      await beat();
    },
    stop: async (options) => {
      stopped = true;
      timer?.stop();
      if (options?.lost === true) await report(true);
    },
  };
}

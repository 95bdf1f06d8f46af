import { type Clock, type Timer, timestamp } from '#common/time/clock.js';
import { microTime } from '#common/time/micro-time.js';
import type { Log } from '#common/log.js';
import type { StoredObject } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { Node } from './node.js';
import { describeNode, nodeArchitecture, nodeConditions } from './node-description.js';

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

/** Heartbeat of one node: the Node object with its conditions, and its lease. */
export function createNodeHeartbeat(deps: NodeHeartbeatDeps): NodeHeartbeat {
  return new StoreNodeHeartbeat(deps);
}

class StoreNodeHeartbeat implements NodeHeartbeat {
  readonly #deps: NodeHeartbeatDeps;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: NodeHeartbeatDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { nodeName } = this.#deps;
    this.#stopped = false;
    for (const { resource, object } of objectsOf(nodeName)) await this.#ensure(resource, object);
    await this.#report(false);
    await this.#beat();
  }

  async stop(options?: { readonly lost: boolean }): Promise<void> {
    this.#stopped = true;
    this.#timer?.stop();
    if (options?.lost === true) await this.#report(true);
  }

  async #ensure(resource: string, object: StoredObject): Promise<void> {
    const { store } = this.#deps;
    if (store.get(resource, object.metadata.namespace, object.metadata.name) !== undefined) return;
    await store.create(resource, object).catch((error: unknown) => {
      if (!isStatusError(error, 'AlreadyExists')) throw error;
    });
  }

  async #report(lost: boolean): Promise<void> {
    const { store, clock, nodeName, nodeIp } = this.#deps;
    const change = (node: Node): void => {
      const now = timestamp(clock.date());
      const conditions = nodeConditions(node.status?.conditions ?? [], now, lost);
      node.status = { ...describeNode(nodeName, nodeIp), conditions };
    };
    await store.mutate<Node>('nodes', { name: nodeName }, change, { subresource: 'status' });
  }

  async #beat(): Promise<void> {
    const { clock, log, nodeName } = this.#deps;
    try {
      await this.#renew();
    } catch (err) {
      log.error({ err, node: nodeName }, 'Node lease not renewed');
    }
    if (!this.#stopped) this.#timer = clock.after(renewMs, () => void this.#beat());
  }

  async #renew(): Promise<void> {
    const { store, clock, nodeName } = this.#deps;
    await store.mutate<Lease>('leases', { ns: leaseNamespace, name: nodeName }, (lease) => {
      const renewTime = microTime(clock.date());
      lease.spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
    });
  }
}

/** What has to be there before a node can be heard of, in order. */
function objectsOf(nodeName: string): readonly { readonly resource: string; readonly object: StoredObject }[] {
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': nodeArchitecture(),
  };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, labels }, spec: {} };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: leaseNamespace } };
  const metadata = { name: nodeName, namespace: leaseNamespace };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} };
  return [
    { resource: 'nodes', object: node },
    { resource: 'namespaces', object: namespace },
    { resource: 'leases', object: lease },
  ];
}

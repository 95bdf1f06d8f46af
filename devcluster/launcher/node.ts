import type { Taint } from '#common/daemon-placement.js';
import type { StoredObject } from '../store/kube-object.js';

/** One condition of a node. */
export interface NodeCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastHeartbeatTime: string;
  readonly lastTransitionTime: string;
}

/** A node, as far as the dev cluster uses it. */
export interface Node extends StoredObject {
  spec: { unschedulable?: boolean; taints?: readonly Taint[]; podCIDR?: string; providerID?: string };
  status?: {
    conditions?: readonly NodeCondition[];
    addresses?: readonly { readonly type: string; readonly address: string }[];
    capacity?: Readonly<Record<string, string>>;
    allocatable?: Readonly<Record<string, string>>;
    nodeInfo?: Readonly<Record<string, string>>;
    daemonEndpoints?: unknown;
  };
}

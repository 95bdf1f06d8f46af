import { arch, cpus, release, totalmem, type } from 'node:os';
import type { Node, NodeCondition } from './node.js';

const healthy: readonly (readonly [string, 'True' | 'False', string, string])[] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

/** What a node says of itself: this machine, under its own name and address. */
export function describeNode(nodeName: string, nodeIp: string): NonNullable<Node['status']> {
  const size = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: '110' };
  return {
    addresses: [
      { type: 'InternalIP', address: nodeIp },
      { type: 'Hostname', address: nodeName },
    ],
    capacity: size,
    allocatable: size,
    nodeInfo: {
      architecture: nodeArchitecture(),
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

/** Conditions of a node that is well, or of one that is not heard any more; `before` says since when. */
export function nodeConditions(before: readonly NodeCondition[], now: string, lost: boolean): NodeCondition[] {
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

/** Architecture of this machine, in the words of Kubernetes. */
export function nodeArchitecture(): string {
  return arch() === 'x64' ? 'amd64' : arch();
}

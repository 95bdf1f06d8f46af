import type { Node } from '../launcher/node.js';
import type { Container, PodSpec, StoredPod } from '../launcher/pod.js';
import { parseQuantity } from './quantity.js';

/** Those that run beside each other: an ordinary init container is over before the others begin. */
function containersOf(spec: PodSpec): readonly Container[] {
  return [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')];
}

function requested(spec: PodSpec, resource: string): number {
  const each = containersOf(spec).map(({ resources }) =>
    parseQuantity(resources?.requests?.[resource] ?? resources?.limits?.[resource]),
  );
  return each.reduce((sum, value) => sum + value, 0);
}

/** Ports of the host that a pod takes. */
function hostPortsOf(spec: PodSpec): number[] {
  return containersOf(spec)
    .flatMap(({ ports }) => ports ?? [])
    .flatMap((port) => port.hostPort ?? (spec.hostNetwork === true ? port.containerPort : []));
}

/**
 * Why a node has no room for a pod, in a scheduler's words; empty when it has. It counts processors, memory, pods and ports of
 * the host.
 * @param others pods that are on the node and not over
 */
export function lackingOn(node: Node, spec: PodSpec, others: readonly StoredPod[]): string[] {
  const room = node.status?.allocatable ?? {};
  const lacks = (resource: string): boolean => {
    const wanted = requested(spec, resource);
    const used = others.reduce((sum, other) => sum + requested(other.spec, resource), 0);
    return wanted > 0 && used + wanted > parseQuantity(room[resource]);
  };
  const taken = new Set(others.flatMap((other) => hostPortsOf(other.spec)));
  return [
    ...(room['pods'] !== undefined && others.length >= parseQuantity(room['pods']) ? ['Too many pods'] : []),
    ...['cpu', 'memory'].filter(lacks).map((resource) => `Insufficient ${resource}`),
    ...(hostPortsOf(spec).some((port) => taken.has(port))
      ? ["node(s) didn't have free ports for the requested pod ports"]
      : []),
  ];
}

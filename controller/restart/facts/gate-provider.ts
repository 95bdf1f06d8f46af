import { nodeServerName } from '#common/node-server-name.js';
import type { DaemonSet, Pod } from '#kube/objects.js';
import { gateDaemonSetAnnotation } from '../api/annotations.js';
import { createdMs, isPodReady, isTerminating } from './pods.js';
import type { GateAddress } from '../api/ports.js';
import type { TargetPods } from './target-pods.js';

/** Pods whose gates answer for other pods, by node; undefined where every pod answers for itself. */
export type GateProviders = Pick<ReadonlyMap<string, Pod>, 'get'> | undefined;

/** Key of the DaemonSet whose pods answer for the gates of a target's pods; undefined when they do so themselves. */
export function gateProviderKeyOf(target: DaemonSet): string | undefined {
  const name = target.metadata.annotations?.[gateDaemonSetAnnotation];
  const { namespace } = target.metadata;
  if (name === undefined || name === '' || name === target.metadata.name) return undefined;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The youngest pod of a node that is not going, of those that are ready if any are: one that starts beside it does not answer yet. */
export function gateProvidersOf(pods: TargetPods): NonNullable<GateProviders> {
  return {
    get: (node) =>
      pods
        .onNode(node)
        .filter((pod) => !isTerminating(pod))
        .sort((a, b) => Number(isPodReady(a)) - Number(isPodReady(b)) || createdMs(a) - createdMs(b))
        .at(-1),
  };
}

/** The pod whose gate answers for a pod on a node; undefined when there is none. */
export function gatePodOf(gateProviders: GateProviders, pod: Pod): Pod | undefined {
  return gateProviders === undefined ? pod : gateProviders.get(pod.spec?.nodeName ?? '');
}

// The first that a pod declares. Agents serve controllers at a port of their own; other gates, and agents of an older
// release, serve everybody at one. Never by trying: a port that does not answer is a fault to be seen, not to be passed by.
const portNames = ['gate-control', 'gate'] as const;

/** Where the gate of a pod listens for controllers: its IP and the container port named `gate-control`, else `gate`. */
export function gateAddressOf(pod: Pod | undefined): GateAddress | undefined {
  const ports = (pod?.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const [port] = portNames.flatMap((wanted) => ports.find(({ name }) => name === wanted)?.containerPort ?? []);
  const host = pod?.status?.podIP;
  const node = pod?.spec?.nodeName;
  if (port === undefined || host === undefined || host === '') return undefined;
  return { host, port, ...(node === undefined ? {} : { serverName: nodeServerName(node) }) };
}

import { z } from 'zod';
import { PaneletError } from '#common/errors/errors.js';
import type { Kubectl } from './kubectl.js';
import { podIsReady, podStateText } from './pod-state.js';
import type { Via } from './via.js';

/** Label that programs find Panelet's pods by; its value is `controller`, `agent` or `host`. */
export const componentLabel = 'panelet.dev/component';

/** Namespace of Panelet, unless another is asked for. */
export const defaultNamespace = 'panelet-system';

/** Annotation of an agent's pod: `address` where whoever has the kubeconfig reaches the pod's own address, as in a dev cluster. */
export const viaAnnotation = 'panelet.dev/via';

const agentContainer = 'agent';
const gatePort = { name: 'gate', number: 7443 };

const port = z.object({ name: z.string().optional(), containerPort: z.number(), hostPort: z.number().optional() });
const container = z.object({ name: z.string(), ports: z.array(port).optional() });
const podObject = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
    deletionTimestamp: z.string().optional(),
    creationTimestamp: z.string().optional(),
  }),
  spec: z.object({
    nodeName: z.string().optional(),
    containers: z.array(container),
    initContainers: z.array(container).optional(),
  }),
  status: z
    .object({
      phase: z.string().optional(),
      podIP: z.string().optional(),
      hostIP: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      containerStatuses: z
        .array(z.object({ name: z.string(), state: z.object({ running: z.unknown().optional() }).optional() }))
        .optional(),
    })
    .optional(),
});
const podList = z.object({ items: z.array(podObject) });

/** A pod of an agent, as far as reaching it goes. */
export interface AgentPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly ready: boolean;
  /** False before its agent has started, and after it has ended. */
  readonly running: boolean;
  /** Being deleted. */
  readonly terminating: boolean;
  /** As kubectl shows it: the phase, or Terminating. */
  readonly state: string;
  readonly createdAt: string;
  /** Port that the agent listens on in the pod. */
  readonly port: number;
  /** Where it can be reached directly: the node's address where the pod has a port there, else the pod's own. */
  readonly address: string | undefined;
  /** How it is to be reached, unless somebody says otherwise. */
  readonly via: Via;
  /** Panels whose workers run in this pod. */
  readonly panels: readonly string[];
}

function hostAndPort(host: string, number: number): string {
  return host.includes(':') ? `[${host}]:${number}` : `${host}:${number}`;
}

function agentPodOf({ metadata, spec, status }: z.infer<typeof podObject>): AgentPod {
  const agent = spec.containers.find(({ name }) => name === agentContainer) ?? spec.containers[0];
  const gate = agent?.ports?.find(({ name }) => name === gatePort.name);
  const number = gate?.containerPort ?? gatePort.number;
  const direct =
    gate?.hostPort !== undefined && status?.hostIP !== undefined
      ? hostAndPort(status.hostIP, gate.hostPort)
      : status?.podIP === undefined
        ? undefined
        : hostAndPort(status.podIP, number);
  const started = status?.containerStatuses?.find(({ name }) => name === agent?.name);
  const terminating = metadata.deletionTimestamp !== undefined;
  const workers = [...(spec.initContainers ?? []), ...spec.containers].filter(({ name }) => name.startsWith('worker-'));
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    ready: podIsReady(status),
    running: status?.phase === 'Running' && (started === undefined || started.state?.running !== undefined),
    terminating,
    state: podStateText(metadata, status),
    createdAt: metadata.creationTimestamp ?? '',
    port: number,
    address: direct,
    via: metadata.annotations?.[viaAnnotation] === 'address' ? 'address' : 'port-forward',
    panels: workers.map(({ name }) => name.slice('worker-'.length)),
  };
}

/** Which pods are asked for. */
export interface PodQuery {
  readonly namespace: string;
  /** Only of this node. @default all */
  readonly node?: string | undefined;
  /** @default agent */
  readonly component?: 'agent' | 'host' | undefined;
}

/** Pods of agents, as the API server knows them now. @throws PaneletError with kubectl's own words. */
export async function listAgentPods(kubectl: Kubectl, query: PodQuery): Promise<readonly AgentPod[]> {
  const selector = `${componentLabel}=${query.component ?? 'agent'}`;
  const field = query.node === undefined ? [] : ['--field-selector', `spec.nodeName=${query.node}`];
  const text = await kubectl.run(['get', 'pods', '-n', query.namespace, '-l', selector, ...field, '-o', 'json']);
  try {
    return podList.parse(JSON.parse(text)).items.map(agentPodOf);
  } catch (cause) {
    throw new PaneletError('API_REFUSED', 'kubectl gave a list of pods that cannot be read. Check its version.', {
      cause,
    });
  }
}

function rank(pod: AgentPod): number {
  return (pod.terminating ? 0 : 2) + (pod.ready ? 1 : 0);
}

/**
 * The pod to talk to, of those of one node: a replacement before one that is going away, a ready one before one that is
 * not, the newest of equals. Undefined while none runs.
 */
export function chooseAgentPod(pods: readonly AgentPod[]): AgentPod | undefined {
  return pods
    .filter((pod) => pod.running)
    .sort((left, right) => rank(right) - rank(left) || right.createdAt.localeCompare(left.createdAt))[0];
}

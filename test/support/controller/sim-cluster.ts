import { createFakeClock, type FakeClock } from '#common/clock.js';
import { daemonSets, nodes, pods, type Resource } from '#controller/kube/kube-api.js';
import type { DaemonSet, KubeNode, KubeObject, Pod } from '#controller/kube/objects.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from '#controller/restart/types.js';
import { State } from '#proto/gate/v1/gate.js';

import { createFakeAgents, type AgentOptions, type FakeAgent, type FakeAgents } from './fake-agents.js';
import { createFakeKube, type FakeKube } from './fake-kube.js';

/** How a simulated cluster behaves. */
export interface SimOptions {
  readonly nodes: number;
  readonly agent?: Partial<AgentOptions>;
  /** From the delete of a pod until it is gone, in milliseconds. */
  readonly stopMs?: number;
  /** From then until its replacement is ready. */
  readonly startMs?: number;
}

/** A cluster in memory: objects, a DaemonSet controller, kubelets and agents, on a clock that moves when told to. */
export interface SimCluster {
  readonly clock: FakeClock;
  readonly kube: FakeKube;
  readonly agents: FakeAgents;
  /** Pods whose replacement never becomes ready, by node. */
  readonly broken: Set<string>;
  /** What went against the rules, in words. Empty at the end of every test. */
  readonly violations: string[];
  readonly target: { readonly namespace: string; readonly name: string };
  pods(): Pod[];
  agentOf(pod: Pod): FakeAgent;
  restart(name: string): PanelRestart;
  request(name: string, spec?: Partial<PanelRestartSpec>): PanelRestart;
  annotate(annotations: Record<string, string>): void;
  /** Deletes that took effect, by uid of the pod. */
  deletes(): Map<string, number>;
}

const namespace = 'panelet-system';
const ds = 'panelet-agent';

/** A cluster with one pod of the DaemonSet on every node, all ready. */
export function createSimCluster(options: SimOptions): SimCluster {
  const clock = createFakeClock();
  clock.advance(1_700_000_000_000);
  const kube = createFakeKube(clock);
  const agents = createFakeAgents(clock);
  const violations: string[] = [];
  const broken = new Set<string>();
  let ips = 0;
  const base: AgentOptions = { checkpointable: 3, kept: 2, stuck: 0, stateMs: 20, restored: 0, ...options.agent };
  const owner = kube.put<DaemonSet>(daemonSets, {
    metadata: { namespace, name: ds },
    spec: { updateStrategy: { type: 'OnDelete' } },
  });

  const setReady = (name: string, ready: boolean): void => {
    if (!kube.all(pods).some((pod) => pod.metadata.name === name)) return;
    kube.mutate(pods, { namespace, name }, (pod) => ({
      ...pod,
      status: {
        ...pod.status,
        conditions: [
          { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: clock.date().toISOString() },
        ],
      },
    }));
  };
  const startPod = (node: string, restored: number): Pod => {
    const ip = `10.0.0.${++ips}`;
    const pod = kube.put<Pod>(pods, {
      metadata: {
        namespace,
        name: `${ds}-${ips}`,
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'DaemonSet', name: ds, uid: owner.metadata.uid ?? '', controller: true },
        ],
      },
      spec: {
        nodeName: node,
        containers: [{ name: 'agent', ports: [{ name: 'gate', containerPort: 7443 }] }],
      },
      status: { phase: 'Running', podIP: ip },
    });
    agents.add(ip, pod.metadata.uid ?? '', node, { ...base, restored });
    return pod;
  };
  const replace = (pod: Pod): void => {
    const node = pod.spec?.nodeName ?? '';
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    agents.byAddress.delete(`${pod.status?.podIP ?? ''}:7443`);
    kube.remove(pods, pod.metadata);
    const sealed = agent?.receipt?.counts?.checkpointed ?? 0;
    const next = startPod(node, sealed);
    clock.after(options.startMs ?? 300, () => setReady(next.metadata.name, !broken.has(node)));
  };
  kube.onDelete = (resource: Resource<KubeObject>, object: KubeObject) => {
    if (resource.plural !== 'pods') return;
    const pod = object as Pod;
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    const uid = pod.metadata.uid ?? '';
    const recorded = kube
      .all(panelRestarts)
      .flatMap((restart) => restart.status?.active ?? [])
      .find((entry) => entry.uid === uid)?.receipt;
    if (recorded === undefined) violations.push(`${pod.metadata.name} deleted before a receipt was written down`);
    if (recorded?.withoutReceipt === undefined) {
      if (agent?.state !== State.CLOSED) violations.push(`${pod.metadata.name} deleted while its gate is not closed`);
      if (agent?.instance !== recorded?.instance) violations.push(`${pod.metadata.name}: receipt of another instance`);
    }
    if (pod.metadata.deletionTimestamp !== undefined) violations.push(`${pod.metadata.name} deleted twice`);
    if (agent !== undefined) agent.terminating = true;
    clock.after(options.stopMs ?? 100, () => replace(pod));
  };
  for (let index = 0; index < options.nodes; index++) {
    const node = `node-${index}`;
    const ready = [{ type: 'Ready', status: 'True' as const }];
    kube.put<KubeNode>(nodes, {
      metadata: { name: node, labels: { zone: `z${index % 2}` } },
      status: { conditions: ready },
    });
    setReady(startPod(node, 0).metadata.name, true);
  }
  clock.advance(5_000);

  return {
    clock,
    kube,
    agents,
    broken,
    violations,
    target: { namespace, name: ds },
    pods: () => kube.all(pods),
    agentOf: (pod) => {
      const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
      if (agent === undefined) throw new Error(`no agent for ${pod.metadata.name}`);
      return agent;
    },
    restart: (name) => {
      const found = kube.all(panelRestarts).find((restart) => restart.metadata.name === name);
      if (found === undefined) throw new Error(`no restart ${name}`);
      return found;
    },
    request: (name, spec = {}) =>
      kube.put<PanelRestart>(panelRestarts, {
        metadata: { namespace, name },
        spec: { targetRef: { name: ds }, ...spec },
      }),
    annotate: (annotations) => {
      kube.mutate(daemonSets, { namespace, name: ds }, (object) => ({
        ...object,
        metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
      }));
    },
    deletes: () => {
      const counts = new Map<string, number>();
      for (const write of kube.writes) {
        if (write.verb === 'delete' && write.plural === 'pods') counts.set(write.uid, (counts.get(write.uid) ?? 0) + 1);
      }
      return counts;
    },
  };
}

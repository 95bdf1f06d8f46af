import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { controllerRevisions, daemonSets, nodes, podDisruptionBudgets, pods, type Resource } from '#kube/api.js';
import type {
  ContainerStatus,
  ControllerRevision,
  DaemonSet,
  KubeNode,
  KubeObject,
  Pod,
  PodDisruptionBudget,
} from '#kube/objects.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import { State } from '#proto/gate/v1/gate.js';

import { createFakeAgents, type AgentOptions, type FakeAgent, type FakeAgents, type FakeHost } from './fake-agents.js';
import { createFakeKube, type FakeKube } from './fake-kube.js';

/** How a simulated cluster behaves. */
export interface SimOptions {
  readonly nodes: number;
  readonly agent?: Partial<AgentOptions>;
  /** Sessions of the hosts; without it there are none. */
  readonly host?: Partial<AgentOptions>;
  /** From the delete of a pod until it is gone, in milliseconds. */
  readonly stopMs?: number;
  /** From then until its replacement is ready. */
  readonly startMs?: number | (() => number);
}

/** What pods of a template do. */
export type Image = 'good' | 'unpullable' | 'crashing';

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
  /** Key of every DaemonSet. */
  targetKeys(): string[];
  /** Pods of the agents. */
  pods(): Pod[];
  hostPods(): Pod[];
  agentOf(pod: Pod): FakeAgent;
  hostOn(node: string): FakeHost;
  restart(name: string): PanelRestart;
  request(name: string, spec?: Partial<PanelRestartSpec>): PanelRestart;
  annotate(annotations: Record<string, string>, name?: string): void;
  /** Changes the agents' pod template; one that was there before is undone to. */
  setTemplate(hash: string, image?: Image): void;
  /** The same of the hosts' DaemonSet. */
  setHostTemplate(hash: string, image?: Image): void;
  /** Puts a budget over the agents' pods, whose status is kept as a disruption controller does. */
  budget(spec: NonNullable<PodDisruptionBudget['spec']>): void;
  /** Deletes that took effect, by uid of the pod. */
  deletes(): Map<string, number>;
}

const namespace = 'panelet-system';
const ds = 'panelet-agent';
const hostDs = 'panelet-host';

function ownerOf(set: DaemonSet): NonNullable<Pod['metadata']['ownerReferences']> {
  const { name, uid = '' } = set.metadata;
  return [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true }];
}

function isOwnedBy(object: KubeObject, name: string): boolean {
  return object.metadata.ownerReferences?.[0]?.name === name;
}

function containerOf(image: Image): ContainerStatus {
  const name = 'agent';
  switch (image) {
    case 'good':
      return { name, restartCount: 0, started: true, state: { running: {} } };
    case 'unpullable':
      return {
        name,
        restartCount: 0,
        started: false,
        state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "no/such"' } },
      };
    case 'crashing':
      return {
        name,
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1 } },
      };
  }
}

/** A cluster with one pod of each DaemonSet on every node, all ready. */
export function createSimCluster(options: SimOptions): SimCluster {
  const clock = createFakeClock();
  clock.advance(1_700_000_000_000);
  const kube = createFakeKube(clock);
  const agents = createFakeAgents(clock);
  const violations: string[] = [];
  const broken = new Set<string>();
  const images = new Map<string, Image>();
  const hosts = new Map<string, FakeHost>();
  /** Names of pods, by node. */
  const placed = new Map<string, Set<string>>();
  let ips = 0;
  const defaults: AgentOptions = { checkpointable: 3, kept: 2, stuck: 0, stateMs: 20, restored: 0 };
  const base: AgentOptions = { ...defaults, ...options.agent };
  const hostBase: AgentOptions = { ...defaults, checkpointable: 0, kept: 3, ...options.host };
  const strategy = { updateStrategy: { type: 'OnDelete' } };
  const owner = kube.put<DaemonSet>(daemonSets, { metadata: { namespace, name: ds }, spec: strategy });
  const annotations = { 'panelet.dev/gate-target': 'host', 'panelet.dev/gate-daemonset': ds };
  const hostOwner =
    options.host === undefined
      ? undefined
      : kube.put<DaemonSet>(daemonSets, { metadata: { namespace, name: hostDs, annotations }, spec: strategy });

  const revisionsOf = (name: string): ControllerRevision[] =>
    kube.all(controllerRevisions).filter((revision) => isOwnedBy(revision, name));
  const newest = (name: string): ControllerRevision | undefined =>
    revisionsOf(name).sort((a, b) => b.revision - a.revision)[0];
  const setTemplate = (set: DaemonSet, hash: string, image: Image): void => {
    images.set(hash, image);
    const { name } = set.metadata;
    const revision = (newest(name)?.revision ?? 0) + 1;
    const known = revisionsOf(name).find(({ metadata }) => metadata.labels?.['controller-revision-hash'] === hash);
    if (known === undefined) {
      const labels = { 'controller-revision-hash': hash };
      const metadata = { namespace, name: `${name}-${hash}`, labels, ownerReferences: ownerOf(set) };
      kube.put<ControllerRevision>(controllerRevisions, { metadata, revision });
    } else {
      kube.mutate(controllerRevisions, known.metadata, (before) => ({ ...before, revision }));
    }
  };
  setTemplate(owner, 'h1', 'good');
  if (hostOwner !== undefined) setTemplate(hostOwner, 'h1', 'good');

  const setReady = (name: string, ready: boolean): void => {
    if (kube.find(pods, { namespace, name }) === undefined) return;
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
  const startPod = (set: DaemonSet, node: string, restored: number): Pod => {
    const ip = `10.0.0.${++ips}`;
    const hash = newest(set.metadata.name)?.metadata.labels?.['controller-revision-hash'] ?? '';
    const image = images.get(hash) ?? 'good';
    const isAgent = set.metadata.name === ds;
    const name = `${set.metadata.name}-${ips}`;
    placed.set(node, (placed.get(node) ?? new Set()).add(name));
    const ports = isAgent ? { ports: [{ name: 'gate', containerPort: 7443 }] } : {};
    const pod = kube.put<Pod>(pods, {
      metadata: {
        namespace,
        name,
        labels: { 'controller-revision-hash': hash, app: set.metadata.name },
        ownerReferences: ownerOf(set),
      },
      spec: { nodeName: node, containers: [{ name: 'agent', ...ports }] },
      status: {
        phase: image === 'unpullable' ? 'Pending' : 'Running',
        podIP: ip,
        containerStatuses: [containerOf(image)],
      },
    });
    if (isAgent) {
      const agent = agents.add(ip, pod.metadata.uid ?? '', node, { ...base, restored });
      agent.reachable = image === 'good';
    }
    return pod;
  };
  const podsOn = (node: string): Pod[] =>
    [...(placed.get(node) ?? [])].flatMap((name) => kube.find(pods, { namespace, name }) ?? []);
  const isGood = (pod: Pod): boolean =>
    (images.get(pod.metadata.labels?.['controller-revision-hash'] ?? '') ?? 'good') === 'good';
  const becomeReady = (pod: Pod): void => {
    const node = pod.spec?.nodeName ?? '';
    const ready = isGood(pod) && !broken.has(node);
    if (ready && isOwnedBy(pod, hostDs)) hosts.set(node, agents.addHost(node, { ...hostBase }));
    setReady(pod.metadata.name, ready);
  };
  const replace = (pod: Pod): void => {
    const node = pod.spec?.nodeName ?? '';
    const set = isOwnedBy(pod, hostDs) && hostOwner !== undefined ? hostOwner : owner;
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    agents.byAddress.delete(`${pod.status?.podIP ?? ''}:7443`);
    placed.get(node)?.delete(pod.metadata.name);
    kube.remove(pods, pod.metadata);
    const sealed = agent?.receipt?.counts?.checkpointed ?? 0;
    const next = startPod(set, node, sealed);
    const { startMs = 300 } = options;
    clock.after(typeof startMs === 'number' ? startMs : startMs(), () => becomeReady(next));
  };
  const agentOn = (node: string): FakeAgent | undefined =>
    podsOn(node)
      .flatMap((pod) => agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`) ?? [])
      .filter((agent) => !agent.terminating)
      .at(-1);
  const checkDelete = (pod: Pod): void => {
    const { name, uid = '', deletionTimestamp } = pod.metadata;
    const node = pod.spec?.nodeName ?? '';
    const isHost = isOwnedBy(pod, hostDs);
    const agent = isHost ? agentOn(node) : agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    const state = isHost ? hosts.get(node)?.state : agent?.state;
    const entries = kube.all(panelRestarts).flatMap((restart) => restart.status?.active ?? []);
    const recorded = entries.find((entry) => entry.uid === uid)?.receipt;
    if (recorded === undefined) violations.push(`${name} deleted before a receipt was written down`);
    if (recorded?.withoutReceipt === undefined) {
      if (state !== State.CLOSED) violations.push(`${name} deleted while its gate is not closed`);
      if (agent?.instance !== recorded?.instance) violations.push(`${name}: receipt of another instance`);
    }
    if (recorded?.withoutReceipt?.includes('has ever run') === true && isGood(pod)) {
      violations.push(`${name} deleted as one that never ran`);
    }
    const beside = podsOn(node).filter((other) => other.metadata.uid !== uid);
    for (const other of beside) {
      const busy = other.metadata.annotations?.['panelet.dev/claim'] ?? other.metadata.deletionTimestamp;
      if (busy !== undefined) violations.push(`${name} deleted while ${other.metadata.name} on its node is restarted`);
    }
    if (deletionTimestamp !== undefined) violations.push(`${name} deleted twice`);
  };
  kube.onDelete = (resource: Resource<KubeObject>, object: KubeObject) => {
    if (resource.plural !== 'pods') return;
    const pod = object as Pod;
    checkDelete(pod);
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    if (agent !== undefined) agent.terminating = true;
    const host = isOwnedBy(pod, hostDs) ? hosts.get(pod.spec?.nodeName ?? '') : undefined;
    if (host !== undefined) host.up = false;
    clock.after(options.stopMs ?? 100, () => replace(pod));
  };
  for (let index = 0; index < options.nodes; index++) {
    const node = `node-${index}`;
    const ready = [{ type: 'Ready', status: 'True' as const }];
    kube.put<KubeNode>(nodes, {
      metadata: { name: node, labels: { zone: `z${index % 2}` } },
      status: { conditions: ready },
    });
    becomeReady(startPod(owner, node, 0));
  }
  if (hostOwner !== undefined) {
    for (let index = 0; index < options.nodes; index++) becomeReady(startPod(hostOwner, `node-${index}`, 0));
  }
  clock.advance(5_000);

  const podsOf = (name: string): Pod[] => kube.all(pods).filter((pod) => isOwnedBy(pod, name));
  const healthy = (): number =>
    podsOf(ds).filter(
      ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.conditions?.[0]?.status === 'True',
    ).length;
  /** Disruptions allowed by every budget now. */
  const allowed = ({ spec }: PodDisruptionBudget): number =>
    typeof spec?.minAvailable === 'number' ? Math.max(0, healthy() - spec.minAvailable) : 0;
  const keepBudgets = (): void => {
    for (const budget of kube.all(podDisruptionBudgets)) {
      const disruptionsAllowed = allowed(budget);
      const observedGeneration = budget.metadata.generation ?? 1;
      const known = budget.status;
      if (known?.disruptionsAllowed === disruptionsAllowed && known.observedGeneration === observedGeneration) continue;
      const desiredHealthy = Number(budget.spec?.minAvailable ?? 0);
      const status = { observedGeneration, disruptionsAllowed, currentHealthy: healthy(), desiredHealthy };
      kube.mutate(podDisruptionBudgets, budget.metadata, (before) => ({ ...before, status }));
    }
    clock.after(30, keepBudgets);
  };
  kube.refusesEviction = (pod) =>
    pod.status?.phase !== 'Pending' && kube.all(podDisruptionBudgets).some((budget) => allowed(budget) <= 0);

  return {
    clock,
    kube,
    agents,
    broken,
    violations,
    target: { namespace, name: ds },
    targetKeys: () => kube.all(daemonSets).map(({ metadata }) => `${namespace}/${metadata.name}`),
    pods: () => podsOf(ds),
    hostPods: () => podsOf(hostDs),
    agentOf: (pod) => {
      const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
      if (agent === undefined) throw new Error(`no agent for ${pod.metadata.name}`);
      return agent;
    },
    hostOn: (node) => {
      const host = hosts.get(node);
      if (host === undefined) throw new Error(`no host on ${node}`);
      return host;
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
    annotate: (added, name = ds) => {
      kube.mutate(daemonSets, { namespace, name }, (object) => ({
        ...object,
        metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...added } },
      }));
    },
    setTemplate: (hash, image = 'good') => setTemplate(owner, hash, image),
    setHostTemplate: (hash, image = 'good') => {
      if (hostOwner !== undefined) setTemplate(hostOwner, hash, image);
    },
    budget: (spec) => {
      kube.put<PodDisruptionBudget>(podDisruptionBudgets, { metadata: { namespace, name: 'budget' }, spec });
      keepBudgets();
    },
    deletes: () => {
      const counts = new Map<string, number>();
      for (const write of kube.writes) {
        const isKill = (write.verb === 'delete' || write.verb === 'evict') && write.plural === 'pods';
        if (isKill) counts.set(write.uid, (counts.get(write.uid) ?? 0) + 1);
      }
      return counts;
    },
  };
}

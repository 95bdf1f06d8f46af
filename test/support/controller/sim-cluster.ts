import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { controllerRevisions, daemonSets, nodes, podDisruptionBudgets, pods, type Resource } from '#kube/api.js';
import type {
  ContainerStatus,
  ControllerRevision,
  DaemonSet,
  KubeNode,
  KubeObject,
  OwnerReference,
  Pod,
  PodDisruptionBudget,
} from '#kube/objects.js';
import { panelRestarts, type PanelRestart, type PanelRestartSpec } from '#controller/restart/api/panel-restart.js';
import { isRetiring } from '#controller/restart/api/retirement.js';
import { nodeNameOf, type Affinity } from '#common/daemon-placement.js';
import { State } from '#proto/gate/v1/gate.js';

import { createFakeAgents, type AgentOptions, type FakeAgent, type FakeAgents, type FakeHost } from './fake-agents.js';
import { createFakeKube, type FakeKube } from './fake-kube.js';
import { watchAsDaemonSet, type Replacement } from './sim-daemon-set.js';

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
  /** Pods of the agents can be taken out of their DaemonSet, and their sessions move to newer ones beside them. */
  readonly surge?: SimSurge;
}

/** How pods beside each other behave. */
export interface SimSurge {
  /** How far the cache of the DaemonSet's controller is behind, in milliseconds. @default 20 */
  readonly lagMs?: number | (() => number);
  /** Sessions that a newer pod admits as soon as it is ready. @default 1 */
  readonly admits?: number;
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
  /** What becomes of pods that the DaemonSet's controller makes from now on, where they can be beside others. */
  replacement: Replacement;
  /** There is room: pods that wait for it start, and those that could not be made are. */
  schedule(): void;
  /** Where pods can be beside others: sessions of a node that are alive or sealed, and those that there have been. */
  sessionsOn(node: string): { readonly there: number; readonly ever: number };
  /** The kubelet of a node is heard, or is not. */
  setNodeReady(node: string, isReady: boolean): void;
  /** Every process of a node dies; its kubelet starts the same pods again after a while, in milliseconds. */
  reboot(node: string, afterMs: number): void;
  /** A node is taken away for good, and after a while, in milliseconds, the pods that were on it. */
  removeNode(node: string, podsAfterMs: number): void;
  /** A pod ends with its sessions sealed, as when its kubelet ends it; the DaemonSet's controller hears of it. */
  kill(pod: Pod): void;
  /** What went against the rules, in words. Empty at the end of every test. */
  readonly violations: string[];
  readonly target: { readonly namespace: string; readonly name: string };
  /** The lease of the controllers, as an owner. */
  readonly lease: OwnerReference;
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
const inDaemonSet = 'panelet.dev/in-daemonset';
const handover = { 'panelet.dev/handover': '1' };

function ownerOf(set: DaemonSet): NonNullable<Pod['metadata']['ownerReferences']> {
  const { name, uid = '' } = set.metadata;
  return [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true }];
}

function isOwnedBy(object: KubeObject, name: string): boolean {
  if (object.metadata.labels?.['app'] === name) return true;
  return object.metadata.ownerReferences?.some((owner) => owner.name === name) === true;
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') === true;
}

function onlyOn(node: string): Affinity {
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } };
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
  /** Names of pods, by node. */
  const placed = new Map<string, Set<string>>();
  let ips = 0;
  const defaults: AgentOptions = { checkpointable: 3, kept: 2, stuck: 0, stateMs: 20, restored: 0 };
  const base: AgentOptions = { ...defaults, ...options.agent };
  const hostBase: AgentOptions = { ...defaults, checkpointable: 0, kept: 3, ...options.host };
  const strategy = { updateStrategy: { type: 'OnDelete' } };
  const { surge } = options;
  const besideSpec = {
    ...strategy,
    selector: { matchLabels: { [inDaemonSet]: 'true' } },
    template: { metadata: { annotations: handover }, spec: {} },
  };
  const owner = kube.put<DaemonSet>(
    daemonSets,
    surge === undefined
      ? { metadata: { namespace, name: ds }, spec: strategy }
      : {
          metadata: { namespace, name: ds, annotations: { 'panelet.dev/detach-label': inDaemonSet } },
          spec: besideSpec,
        },
  );
  const annotations = { 'panelet.dev/gate-target': 'host', 'panelet.dev/gate-daemonset': ds };
  const hostOwner =
    options.host === undefined
      ? undefined
      : kube.put<DaemonSet>(daemonSets, {
          metadata: {
            namespace,
            name: hostDs,
            annotations: {
              ...annotations,
              ...(surge === undefined ? {} : { 'panelet.dev/detach-label': inDaemonSet }),
            },
          },
          spec: surge === undefined ? strategy : besideSpec,
        });

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
  const kinds = new Map<string, Replacement>();
  let replacement: Replacement = 'good';
  const ever = new Map<string, number>();
  /** Sessions that nobody has, by node. */
  const sealed = new Map<string, number>();
  const agentsOn = (node: string): FakeAgent[] => [...agents.byAddress.values()].filter((one) => one.node === node);
  const addMovingAgent = (pod: Pod, ip: string, node: string): void => {
    const mine: AgentOptions = { ...base, checkpointable: 0, restored: 0 };
    const agent = agents.add(ip, pod.metadata.uid ?? '', node, mine);
    agent.reachable = false;
    let written = 0;
    mine.settle = () => {
      const count = mine.checkpointable;
      mine.checkpointable = 0;
      const newest = agentsOn(node).at(-1);
      const isTaken = newest !== undefined && newest !== agent && newest.reachable && newest.state === State.SERVING;
      if (isTaken) newest.options.checkpointable += count;
      else written = count;
      seals.set(agent, written);
      return isTaken ? { checkpointed: 0, moved: count } : { checkpointed: count, moved: 0 };
    };
    mine.unsettle = () => {
      mine.checkpointable += seals.get(agent) ?? 0;
      seals.delete(agent);
    };
  };
  /** Sessions that an agent has sealed and not lost to another one yet. */
  const seals = new Map<FakeAgent, number>();
  const takeUp = (agent: FakeAgent, node: string): void => {
    const count = sealed.get(node) ?? 0;
    sealed.set(node, 0);
    agent.options.checkpointable += count;
    agent.options.restored += count;
  };
  /** When a pod's agent let sessions in first, by name of the pod. */
  const admittedMs = new Map<string, number>();
  const admit = (pod: Pod, node: string): void => {
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    if (agent === undefined) return;
    agent.reachable = true;
    admittedMs.set(pod.metadata.name, clock.nowMs());
    takeUp(agent, node);
    const fresh = ever.has(node) ? (surge?.admits ?? 1) : base.checkpointable;
    agent.options.checkpointable += fresh;
    ever.set(node, (ever.get(node) ?? 0) + fresh);
  };
  /** Whatever an agent has when it ends is sealed, and taken up by one that lives. */
  const leave = (agent: FakeAgent | undefined, node: string): void => {
    const left = agent === undefined ? 0 : agent.options.checkpointable + (seals.get(agent) ?? 0);
    if (agent !== undefined) {
      seals.delete(agent);
      // What its drain still does finds nothing.
      agent.options.checkpointable = 0;
    }
    sealed.set(node, (sealed.get(node) ?? 0) + left);
    const heir = agentsOn(node).find((one) => one.reachable && !one.terminating && one.options.settle !== undefined);
    if (heir !== undefined && podsOn(node).some((pod) => pod.metadata.uid === heir.podUid && isReady(pod)))
      takeUp(heir, node);
  };
  const startPod = (set: DaemonSet, node: string, restored: number): Pod => {
    const ip = `10.0.0.${++ips}`;
    const hash = newest(set.metadata.name)?.metadata.labels?.['controller-revision-hash'] ?? '';
    const isAgent = set.metadata.name === ds;
    const how = surge !== undefined && isAgent === (options.host === undefined) ? replacement : 'good';
    const image = how === 'crashing' || how === 'unpullable' ? how : (images.get(hash) ?? 'good');
    const isWaiting = how === 'unschedulable';
    const name = `${set.metadata.name}-${ips}`;
    placed.set(node, (placed.get(node) ?? new Set()).add(name));
    const ports = isAgent ? { ports: [{ name: 'gate', containerPort: 7443 }] } : {};
    const pod = kube.put<Pod>(pods, {
      metadata: {
        namespace,
        name,
        labels: {
          'controller-revision-hash': hash,
          app: set.metadata.name,
          ...(surge === undefined ? {} : { [inDaemonSet]: 'true' }),
        },
        ...(surge === undefined ? {} : { annotations: handover }),
        ownerReferences: ownerOf(set),
      },
      spec: {
        ...(isWaiting ? { affinity: onlyOn(node) } : { nodeName: node }),
        containers: [{ name: 'agent', ...ports }],
      },
      status: isWaiting
        ? { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: 'Insufficient cpu.' }] }
        : {
            phase: image === 'unpullable' ? 'Pending' : 'Running',
            podIP: ip,
            containerStatuses: [containerOf(image)],
          },
    });
    kinds.set(name, how);
    if (isAgent && !isWaiting && surge !== undefined) addMovingAgent(pod, ip, node);
    else if (isAgent && surge === undefined) {
      const agent = agents.add(ip, pod.metadata.uid ?? '', node, { ...base, restored });
      agent.reachable = image === 'good';
    }
    return pod;
  };
  const podsOn = (node: string): Pod[] =>
    [...(placed.get(node) ?? [])].flatMap((name) => kube.find(pods, { namespace, name }) ?? []);
  const isGood = (pod: Pod): boolean =>
    (kinds.get(pod.metadata.name) ?? 'good') === 'good' &&
    (images.get(pod.metadata.labels?.['controller-revision-hash'] ?? '') ?? 'good') === 'good';
  /** One that cannot be beside another starts once that is gone; the other one's agent tells. */
  const waitsFor = (pod: Pod, node: string): boolean => {
    const uid = pod.metadata.uid ?? '';
    const now = kube.find(pods, pod.metadata);
    const isThere = now?.metadata.uid === uid && now.metadata.deletionTimestamp === undefined;
    const others = agentsOn(node).filter(({ podUid }) => podUid !== uid);
    const message = 'It has the node to itself.';
    for (const other of others) other.waiting = isThere ? [{ podUid: uid, message }] : [];
    if (!isThere) return true;
    if (others.length === 0) {
      kinds.set(pod.metadata.name, 'good');
      return false;
    }
    setReady(pod.metadata.name, false);
    clock.after(50, () => becomeReady(pod));
    return true;
  };
  const becomeReady = (pod: Pod): void => {
    if (kinds.get(pod.metadata.name) === 'unschedulable') return;
    const node = pod.spec?.nodeName ?? '';
    if (!placed.has(node)) return;
    if (kinds.get(pod.metadata.name) === 'waiting' && waitsFor(pod, node)) return;
    const ready = isGood(pod) && !broken.has(node);
    if (ready && isOwnedBy(pod, hostDs)) {
      const isFirst =
        surge === undefined || kube.all(pods).filter((other) => isOwnedBy(other, hostDs)).length <= options.nodes;
      const fresh = isFirst ? {} : { kept: 0, stuck: surge.admits ?? 1 };
      agents.addHost(node, pod.metadata.uid ?? '', { ...hostBase, ...fresh });
    }
    setReady(pod.metadata.name, ready);
    if (ready && surge !== undefined && isOwnedBy(pod, ds)) admit(pod, node);
  };
  const replace = (pod: Pod): void => {
    const node = nodeNameOf(pod) ?? '';
    const set = isOwnedBy(pod, hostDs) && hostOwner !== undefined ? hostOwner : owner;
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    agents.byAddress.delete(`${pod.status?.podIP ?? ''}:7443`);
    if (kube.find(pods, pod.metadata) === undefined) return;
    placed.get(node)?.delete(pod.metadata.name);
    kube.remove(pods, pod.metadata);
    if (set === hostOwner) agents.removeHost(pod.metadata.uid ?? '');
    if (surge !== undefined && set === hostOwner) return;
    if (surge !== undefined && set === owner) {
      leave(agent, node);
      return;
    }
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
  const checkRetired = ({ metadata: { name, uid = '', deletionTimestamp } }: Pod, host: FakeHost | undefined): void => {
    if (deletionTimestamp !== undefined) violations.push(`${name} deleted twice`);
    const left = (host?.options.stuck ?? 0) + (host?.options.kept ?? 0);
    if (left > 0) violations.push(`${name} deleted with ${left} sessions`);
    const { restartUid, podUid } = host?.receipt ?? {};
    const isDrained = host?.state === State.CLOSED && restartUid === uid && podUid === uid;
    if (host !== undefined && !isDrained) violations.push(`${name} deleted before a receipt of its own`);
  };
  const checkDelete = (pod: Pod): void => {
    const { name, uid = '', deletionTimestamp } = pod.metadata;
    const node = pod.spec?.nodeName ?? '';
    const isHost = isOwnedBy(pod, hostDs);
    const agent = isHost ? agentOn(node) : agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    const host = agents.hostOf(uid);
    const state = isHost ? host?.state : agent?.state;
    const entries = kube.all(panelRestarts).flatMap((restart) => restart.status?.active ?? []);
    const recorded = entries.find((entry) => entry.uid === uid)?.receipt;
    if (isRetiring(pod)) {
      checkRetired(pod, host);
      return;
    }
    if (recorded === undefined) violations.push(`${name} deleted before a receipt was written down`);
    if (recorded?.withoutReceipt === undefined) {
      if (state !== State.CLOSED) violations.push(`${name} deleted while its gate is not closed`);
      if (agent?.instance !== recorded?.instance) violations.push(`${name}: receipt of another instance`);
    }
    if (recorded?.withoutReceipt?.includes('has ever run') === true && isGood(pod)) {
      violations.push(`${name} deleted as one that never ran`);
    }
    const sameSet = isHost ? hostDs : ds;
    const beside = podsOn(node).filter((other) => other.metadata.uid !== uid && !isOwnedBy(other, sameSet));
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
    const host = isOwnedBy(pod, hostDs) ? agents.hostOf(pod.metadata.uid ?? '') : undefined;
    if (host !== undefined) host.up = false;
    clock.after(options.stopMs ?? 100, () => replace(pod));
  };
  const end = (pod: Pod): void => {
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    if (agent !== undefined) agent.terminating = true;
    kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      metadata: { ...before.metadata, deletionTimestamp: clock.date().toISOString() },
    }));
    clock.after(options.stopMs ?? 100, () => replace(pod));
  };
  /** When the last pod of a node was given back to the DaemonSet. */
  const backMs = new Map<string, number>();
  const out = new Set<string>();
  const noteDetached = ({ metadata, spec }: Pod): void => {
    if (metadata.labels?.[inDaemonSet] === undefined) out.add(metadata.name);
    else if (out.delete(metadata.name)) backMs.set(spec?.nodeName ?? '', clock.nowMs());
  };
  const removeExcess = (pod: Pod): void => {
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    const host = agents.hostOf(pod.metadata.uid ?? '');
    const has = (agent?.options.checkpointable ?? 0) + (host?.options.stuck ?? 0) + (host?.options.kept ?? 0);
    // One that became ready only after the older one was given back could not be drained.
    const isLate = (admittedMs.get(pod.metadata.name) ?? 0) >= (backMs.get(pod.spec?.nodeName ?? '') ?? 0);
    if (has > 0 && !isLate) violations.push(`${pod.metadata.name} removed by its DaemonSet with ${has} sessions`);
    const set = isOwnedBy(pod, hostDs) ? hostDs : ds;
    const inService = podsOn(pod.spec?.nodeName ?? '').filter((other) => isOwnedBy(other, set) && !isRetiring(other));
    const isOlder = inService.at(0)?.metadata.uid === pod.metadata.uid;
    if (isOlder) violations.push(`${pod.metadata.name} removed by its DaemonSet, and is the older one`);
    end(pod);
  };
  /** A pod that has waited for room has a node now. */
  const bind = (pod: Pod): void => {
    const { name } = pod.metadata;
    const node = nodeNameOf(pod) ?? '';
    const ip = `10.0.0.${name.split('-').at(-1) ?? ''}`;
    kinds.set(name, 'good');
    const placedPod = kube.mutate(pods, pod.metadata, (before) => ({
      ...before,
      spec: { ...before.spec, nodeName: node },
      status: { phase: 'Running', podIP: ip, containerStatuses: [containerOf('good')] },
    }));
    if (isOwnedBy(pod, ds)) addMovingAgent(placedPod, ip, node);
    clock.after(300, () => becomeReady(placedPod));
  };
  const looks: ((node: string) => void)[] = [];
  for (const set of surge === undefined ? [] : [owner, hostOwner]) {
    if (set === undefined) continue;
    const { lagMs = 20 } = surge ?? {};
    const look = watchAsDaemonSet({
      clock,
      kube,
      uid: set.metadata.uid ?? '',
      label: inDaemonSet,
      lagMs: () => (typeof lagMs === 'number' ? lagMs : lagMs()),
      podsOn,
      make: (node) => {
        if (replacement === 'quota' || replacement === 'unwanted' || !placed.has(node)) return;
        const { startMs = 300 } = options;
        const next = startPod(set, node, 0);
        clock.after(typeof startMs === 'number' ? startMs : startMs(), () => becomeReady(next));
      },
      remove: removeExcess,
    });
    looks.push(look);
    kube.alsoOnChange.push(({ plural }, object) => {
      if (plural !== 'pods' || !isOwnedBy(object, set.metadata.name)) return;
      noteDetached(object);
      look(nodeNameOf(object as Pod) ?? '');
    });
  }
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
  const setNodeReady = (name: string, isUp: boolean): void => {
    const conditions = [{ type: 'Ready', status: isUp ? ('True' as const) : ('Unknown' as const) }];
    kube.mutate<KubeNode>(nodes, { name }, (node) => ({ ...node, status: { ...node.status, conditions } }));
  };
  /** No agent of a node answers, and what each has told is forgotten; what it wrote down stays. Returns the pods that were ready. */
  const silence = (node: string): readonly Pod[] => {
    const served = podsOn(node).filter(isReady);
    for (const agent of agentsOn(node)) {
      agent.crash();
      agent.reachable = false;
    }
    return served;
  };
  const comeBack = (pod: Pod): void => {
    const now = kube.find(pods, pod.metadata);
    const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
    if (now === undefined || now.metadata.uid !== pod.metadata.uid) return;
    if (agent !== undefined) agent.reachable = true;
    if (now.metadata.deletionTimestamp === undefined) setReady(pod.metadata.name, true);
  };
  kube.refusesEviction = (pod) =>
    pod.status?.phase !== 'Pending' && kube.all(podDisruptionBudgets).some((budget) => allowed(budget) <= 0);

  return {
    clock,
    kube,
    agents,
    broken,
    violations,
    get replacement() {
      return replacement;
    },
    set replacement(next) {
      replacement = next;
      const taints = next === 'unwanted' ? { taints: [{ key: 'away', effect: 'NoSchedule' as const }] } : {};
      for (const { metadata } of kube.all(nodes)) kube.mutate(nodes, metadata, (node) => ({ ...node, spec: taints }));
    },
    sessionsOn: (node) => {
      const own = agentsOn(node).map((agent) => agent.options.checkpointable + (seals.get(agent) ?? 0));
      return { there: own.reduce((sum, count) => sum + count, sealed.get(node) ?? 0), ever: ever.get(node) ?? 0 };
    },
    schedule: () => {
      for (const node of placed.keys()) for (const look of looks) look(node);
      for (const pod of [...podsOf(ds), ...podsOf(hostDs)].filter(({ spec }) => spec?.nodeName === undefined))
        bind(pod);
    },
    setNodeReady,
    reboot: (node, afterMs) => {
      const served = silence(node);
      setNodeReady(node, false);
      for (const { metadata } of served) setReady(metadata.name, false);
      clock.after(afterMs, () => {
        setNodeReady(node, true);
        served.forEach(comeBack);
      });
    },
    removeNode: (node, podsAfterMs) => {
      silence(node);
      const names = placed.get(node) ?? [];
      placed.delete(node);
      kube.remove(nodes, { name: node });
      clock.after(podsAfterMs, () => {
        for (const name of names) if (kube.find(pods, { namespace, name })) kube.remove(pods, { namespace, name });
      });
    },
    kill: end,
    target: { namespace, name: ds },
    lease: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'panelet-controller', uid: 'lease' },
    targetKeys: () => kube.all(daemonSets).map(({ metadata }) => `${namespace}/${metadata.name}`),
    pods: () => podsOf(ds),
    hostPods: () => podsOf(hostDs),
    agentOf: (pod) => {
      const agent = agents.byAddress.get(`${pod.status?.podIP ?? ''}:7443`);
      if (agent === undefined) throw new Error(`no agent for ${pod.metadata.name}`);
      return agent;
    },
    hostOn: (node) => {
      const host = podsOf(hostDs)
        .filter((pod) => pod.spec?.nodeName === node)
        .flatMap((pod) => agents.hostOf(pod.metadata.uid ?? '') ?? [])
        .at(-1);
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

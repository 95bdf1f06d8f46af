import type {
  StoredContainerState,
  StoredContainerStatus,
  ContainerTermination,
  StoredPod,
  PodCondition,
  PodStatus,
} from './pod.js';

/** What the launcher knows of one container. */
export interface ContainerView {
  readonly name: string;
  readonly image: string;
  readonly state: StoredContainerState;
  readonly last?: ContainerTermination | undefined;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly containerId?: string | undefined;
}

/** What a status is derived from. */
export interface PodView {
  readonly pod: StoredPod;
  readonly containers: readonly ContainerView[];
  readonly podIp: string;
  readonly hostIp: string;
  /** RFC 3339. */
  readonly startTime: string;
  /** RFC 3339. */
  readonly now: string;
  /** True when the containers will not be started again: the pod is being deleted, or its policy says so. */
  readonly ending: boolean;
}

function toContainerStatus(view: ContainerView): StoredContainerStatus {
  return {
    name: view.name,
    state: view.state,
    lastState: view.last === undefined || view.last === view.state.terminated ? {} : { terminated: view.last },
    ready: view.ready,
    restartCount: view.restartCount,
    image: view.image,
    imageID: '',
    ...(view.containerId === undefined ? {} : { containerID: view.containerId }),
    started: view.state.running !== undefined,
  };
}

function phaseOf(view: PodView): NonNullable<PodStatus['phase']> {
  const ended = view.containers.map((container) => container.state.terminated ?? container.last);
  const over = view.containers.every(
    (container) => container.state.terminated !== undefined || container.last !== undefined,
  );
  const running = view.containers.some((container) => container.state.running !== undefined);
  if (view.ending && !running) {
    return over && ended.every((termination) => termination?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  const started = view.containers.every(
    (container) => container.state.running !== undefined || container.last !== undefined,
  );
  return running || started || over ? 'Running' : 'Pending';
}

function readiness(view: PodView, phase: string): Omit<PodCondition, 'type'> {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const unready = view.containers.filter((container) => !container.ready).map((container) => container.name);
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function gated(view: PodView, containers: Omit<PodCondition, 'type'>): Omit<PodCondition, 'type'> {
  if (containers.status !== 'True') return containers;
  const closed = (view.pod.spec.readinessGates ?? []).filter(
    (gate) =>
      view.pod.status?.conditions?.find((condition) => condition.type === gate.conditionType)?.status !== 'True',
  );
  if (closed.length === 0) return containers;
  const names = closed.map((gate) => `"${gate.conditionType}"`).join(', ');
  return {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: `corresponding condition of pod readiness gate ${names} is not "True"`,
  };
}

function withTransition(view: PodView, condition: PodCondition): PodCondition {
  const before = view.pod.status?.conditions?.find((other) => other.type === condition.type);
  const same = before?.status === condition.status && before.lastTransitionTime !== undefined;
  return { ...condition, lastProbeTime: null, lastTransitionTime: same ? before.lastTransitionTime : view.now };
}

const ownTypes = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];

/** Status of a pod as a kubelet reports it: phase, conditions with their transition times, containers. */
export function derivePodStatus(view: PodView): PodStatus {
  const phase = phaseOf(view);
  const containersReady = readiness(view, phase);
  const own: PodCondition[] = [
    { type: 'PodReadyToStartContainers', status: phase === 'Succeeded' || phase === 'Failed' ? 'False' : 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...gated(view, containersReady) },
    { type: 'ContainersReady', ...containersReady },
    { type: 'PodScheduled', status: 'True' },
  ];
  // Conditions of others, for example of readiness gates, are theirs to write.
  const others = (view.pod.status?.conditions ?? []).filter((condition) => !ownTypes.includes(condition.type));
  return {
    phase,
    conditions: [...own.map((condition) => withTransition(view, condition)), ...others],
    hostIP: view.hostIp,
    hostIPs: [{ ip: view.hostIp }],
    podIP: view.podIp,
    podIPs: [{ ip: view.podIp }],
    startTime: view.startTime,
    containerStatuses: view.containers.map(toContainerStatus),
    qosClass: 'BestEffort',
    ...(view.pod.metadata.generation === undefined ? {} : { observedGeneration: view.pod.metadata.generation }),
  };
}

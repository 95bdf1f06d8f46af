import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexOf } from '#common/hex.js';
import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createDaemonSetController, type DaemonSetController } from './daemonset/daemon-set-controller.js';
import { createEventRecorder } from './store/event-recorder.js';
import { defaultPanels, writeAgentConfig, type PanelEntry } from './host/agent-config.js';
import { startApi, type RunningApi } from './host/api.js';
import { openClusterDirectory, type ClusterDirectory, type ClusterState } from './host/cluster-directory.js';
import { lockDirectory } from './host/cluster-lock.js';
import { readToken, tokenFile, writeIdentities, type DevIdentity } from './host/identities.js';
import { agentPort, createInitialObjects, gatePort, paneletNamespace } from './host/initial-objects.js';
import { chooseSubnet, nodeAddress, podAddresses } from './host/loopback-subnet.js';
import { createSupervisedProgram, type SupervisedProgram } from './host/supervised-program.js';
import type { PodLogRequest } from './http/handlers/pod-logs.js';
import type { RestartDelays } from './launcher/back-off.js';
import { createEntryPoints } from './launcher/entry-points.js';
import { createNodeLauncher, type NodeLauncher } from './launcher/node-launcher.js';
import type { StoredPod } from './launcher/pod.js';
import { createPodLogReader, type ContainerLog } from './launcher/pod-log-reader.js';
import { createProber } from './launcher/probe.js';
import { createProcesses } from './launcher/processes.js';
import type { ObjectStore } from './store/object-store.js';
import { startScheduler } from './scheduler/scheduler.js';

/** What a dev cluster is made with. */
export interface DevClusterOptions {
  /** Everything the cluster keeps is in here; starting again with the same directory goes on. */
  readonly dir: string;
  /** Number of nodes; only a new cluster takes it. @default 2 */
  readonly nodes?: number;
  /** Port of the API server on 127.0.0.1. @default the one it had, or a free one */
  readonly port?: number;
  /** Commands of the programs that containers may run, by name. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  /** Lets containers run any program of this machine. @default false */
  readonly allowAnyProgram?: boolean;
  /** Variables for every pod, for example PATH. */
  readonly environment: Readonly<Record<string, string>>;
  /** The definition of PanelRestart. */
  readonly definitionFile: string;
  /** Panels of new agents. @default echo, logs and terminal */
  readonly panels?: readonly PanelEntry[];
  /** @default 'info' */
  readonly agentLogLevel?: string;
  /** Whether the restart controller runs. @default true */
  readonly controller?: boolean;
  readonly restartDelays?: RestartDelays;
}

/** What a dev cluster needs. */
export interface DevClusterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** One node of a dev cluster. */
export interface DevNode {
  readonly name: string;
  /** Address of the node, and of the first of its pods. */
  readonly address: string;
  /** Where its agent listens, `host:port`. */
  readonly agentAddress: string;
  /** Files dropped here install panels. */
  readonly panelsDirectory: string;
  readonly agentConfig: string;
}

/** A cluster on this machine: API server, nodes, DaemonSet controller, restart controller. */
export interface DevCluster {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly apiUrl: string;
  readonly nodes: readonly DevNode[];
  readonly store: ObjectStore;
  token(identity: DevIdentity): string;
  tokenFile(identity: DevIdentity): string;
  /** Process id of a pod's container while it runs. */
  containerPid(pod: StoredPod, container: string): number | undefined;
  /** `NAME=value` in the environment of every process that was started for a node, or for the cluster itself. */
  marker(nodeName?: string): string;
  /** Process id of the restart controller. */
  controllerPid(): number | undefined;
  /** SIGKILL to everything on a node at once. */
  powerCut(nodeName: string): Promise<void>;
  /** Ends everything the cluster has started. What is on disk stays. */
  stop(): Promise<void>;
}

const stopGraceMs = 30_000;
const controllerGraceMs = 5000;
const defaultNodes = 2;

function nodeName(index: number): string {
  return `node-${String.fromCharCode('a'.charCodeAt(0) + index)}`;
}

async function loadState(
  directory: ClusterDirectory,
  options: DevClusterOptions,
  random: Random,
): Promise<ClusterState> {
  const known = directory.readState();
  if (known !== undefined) return { ...known, apiPort: options.port ?? known.apiPort };
  const nodes = options.nodes ?? defaultNodes;
  const state: ClusterState = {
    id: hexOf(random.bytes(4)),
    subnet: await chooseSubnet(random, nodes, [agentPort, gatePort]),
    apiPort: options.port ?? 0,
    nodes,
    initialized: false,
  };
  directory.writeState(state);
  return state;
}

function describeNodes(directory: ClusterDirectory, state: ClusterState): DevNode[] {
  return Array.from({ length: state.nodes }, (_, index) => {
    const name = nodeName(index);
    const address = nodeAddress(state.subnet, index);
    const paths = directory.node(state, name);
    const agentAddress = `${address}:${agentPort}`;
    return { name, address, agentAddress, panelsDirectory: paths.panels, agentConfig: paths.agentConfig };
  });
}

interface Parts {
  readonly api: RunningApi;
  readonly launchers: readonly NodeLauncher[];
  readonly daemonSets: DaemonSetController;
  readonly controller: SupervisedProgram | undefined;
  readonly endScheduler: () => void;
}

/** Output of a container, wherever it ran. */
function findLog(
  store: ObjectStore,
  launchers: readonly NodeLauncher[],
  request: PodLogRequest,
): ContainerLog | undefined {
  const pod = store.get<StoredPod>('pods', request.namespace, request.pod);
  const launcher = launchers.find((candidate) => candidate.nodeName === pod?.spec.nodeName);
  if (pod === undefined || launcher === undefined) return undefined;
  const file = launcher.logFile(pod, request.container, request.previous);
  const isRunning = (): boolean =>
    launcher.containerPid(pod, request.container) !== undefined &&
    launcher.logFile(pod, request.container, false) === file;
  return { file, isRunning };
}

/** What a start needs to know. */
interface Plan {
  readonly options: DevClusterOptions;
  readonly deps: DevClusterDeps;
  readonly directory: ClusterDirectory;
  readonly state: ClusterState;
  readonly nodes: readonly DevNode[];
}

function createLaunchers(plan: Plan, store: ObjectStore): NodeLauncher[] {
  const { deps, directory, options, state } = plan;
  const processes = createProcesses(deps);
  const entryPoints = createEntryPoints({
    programs: options.programs,
    allowAnyProgram: options.allowAnyProgram ?? false,
  });
  return plan.nodes.map((node, index) =>
    createNodeLauncher({
      ...deps,
      store,
      processes,
      entryPoints,
      prober: createProber(deps),
      recorder: createEventRecorder({ ...deps, store, component: 'kubelet', host: node.name }),
      delays: options.restartDelays ?? {},
      nodeName: node.name,
      addresses: podAddresses(state.subnet, index),
      nodePort: agentPort,
      directory: directory.node(state, node.name).directory,
      clusterId: state.id,
      baseEnvironment: options.environment,
    }),
  );
}

function createController(plan: Plan): SupervisedProgram | undefined {
  const { deps, directory, options } = plan;
  const command = options.programs['panelet-controller'];
  if (options.controller === false || command === undefined) return undefined;
  const tokens = tokenFile(directory.tokens, 'controller');
  const flags = ['--kubeconfig', directory.kubeconfig, '--namespace', paneletNamespace, '--gate-token-file', tokens];
  return createSupervisedProgram({
    ...deps,
    name: 'panelet-controller',
    processes: createProcesses(deps),
    spec: {
      command: [...command, ...flags],
      environment: { ...options.environment, PANELET_DEVCLUSTER: plan.state.id },
      logFile: join(directory.path, 'controller.log'),
    },
  });
}

/** Ends the restart controller that a killed dev cluster left: it keeps no state, and two would wait for each other's lease. */
function endLeftController(plan: Plan): void {
  const processes = createProcesses(plan.deps);
  for (const left of processes.find(`PANELET_DEVCLUSTER=${plan.state.id}`)) processes.signal(left, 'SIGKILL');
}

async function startParts(plan: Plan): Promise<Parts> {
  const { deps, directory, options, state } = plan;
  const launchers: NodeLauncher[] = [];
  const api: RunningApi = await startApi({
    ...deps,
    directory,
    definitionFile: options.definitionFile,
    port: state.apiPort,
    podLogs: createPodLogReader({ clock: deps.clock, find: (request) => findLog(api.store, launchers, request) }),
  });
  directory.writeState({ ...state, apiPort: api.port, initialized: true });
  if (!state.initialized) await createInitialObjects(api.store, directory.path);
  launchers.push(...createLaunchers(plan, api.store));
  await Promise.all(launchers.map((launcher) => launcher.start()));
  const recorder = createEventRecorder({ ...deps, store: api.store, component: 'daemonset-controller' });
  const daemonSets = createDaemonSetController({ ...deps, store: api.store, recorder });
  daemonSets.start();
  const scheduled = createEventRecorder({ ...deps, store: api.store, component: 'default-scheduler' });
  const endScheduler = startScheduler({ ...deps, store: api.store, recorder: scheduled });
  endLeftController(plan);
  const controller = createController(plan);
  await controller?.start();
  return { api, launchers, daemonSets, controller, endScheduler };
}

async function stopParts(parts: Parts): Promise<void> {
  await parts.controller?.stop(controllerGraceMs);
  await parts.daemonSets.stop();
  parts.endScheduler();
  await Promise.all(parts.launchers.map((launcher) => launcher.stop(stopGraceMs)));
  await parts.api.close();
}

/**
 * Starts a dev cluster, or goes on with the one in the directory.
 * @throws STATE_DIR_UNUSABLE, ALREADY_RUNNING, PORT_TAKEN: each says what to do.
 */
export async function createDevCluster(options: DevClusterOptions, deps: DevClusterDeps): Promise<DevCluster> {
  const directory = openClusterDirectory(options.dir);
  const unlock = lockDirectory(directory.path, process.pid);
  try {
    const state = await loadState(directory, options, deps.random);
    const nodes = describeNodes(directory, state);
    writeIdentities(directory, deps.random);
    for (const node of nodes) {
      writeAgentConfig({
        nodeName: node.name,
        address: node.address,
        port: agentPort,
        gatePort,
        paths: directory.node(state, node.name),
        identities: directory.identities,
        panels: options.panels ?? defaultPanels(directory.node(state, node.name)),
        logLevel: options.agentLogLevel ?? 'info',
      });
    }
    const parts = await startParts({ options, deps, directory, state, nodes });
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await stopParts(parts);
      rmSync(join(tmpdir(), `panelet-${state.id}`), { recursive: true, force: true });
      unlock();
    };
    return {
      dir: directory.path,
      kubeconfig: directory.kubeconfig,
      apiUrl: parts.api.url,
      nodes,
      store: parts.api.store,
      token: (identity) => readToken(directory.tokens, identity),
      tokenFile: (identity) => tokenFile(directory.tokens, identity),
      containerPid: (pod, container) =>
        parts.launchers.find((launcher) => launcher.nodeName === pod.spec.nodeName)?.containerPid(pod, container),
      marker: (name) =>
        name === undefined ? `PANELET_DEVCLUSTER=${state.id}` : `PANELET_DEVCLUSTER_NODE=${state.id}/${name}`,
      controllerPid: () => parts.controller?.pid(),
      powerCut: async (name) => parts.launchers.find((launcher) => launcher.nodeName === name)?.powerCut(),
      stop: () => (stopping ??= stop()),
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '#common/log.js';
import { sleep } from '#common/time/clock.js';
import { compareText } from '../store/compare-text.js';
import type { StoreEvent } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { createNodeHeartbeat, type NodeHeartbeat } from './node-heartbeat.js';
import { createNodeDoor, type NodeDoor } from './node-door.js';
import { isTerminal, podCondition, type StoredPod } from './pod.js';
import { choosePodAddress, type PodAddresses } from './pod-addresses.js';
import { createPodRecords, type PodRecord, type PodRecords } from './pod-records.js';
import { createPodRunner, type PodRunner, type PodRunnerDeps } from './pod-runner.js';
import type { Processes } from './processes.js';

/** What a launcher of one node needs. */
export interface NodeLauncherDeps extends Omit<
  PodRunnerDeps,
  'records' | 'logFile' | 'baseEnvironment' | 'hostIp' | 'changed'
> {
  /** Addresses of the node's pods; the first one is the node's own. */
  readonly addresses: PodAddresses;
  /** Port at which the node's own address leads to its newest pod that is Ready, whatever address that has. @default none */
  readonly nodePort?: number;
  /** Records and logs of the node's pods go here. */
  readonly directory: string;
  /** Names the dev cluster in the environment of everything it starts. */
  readonly clusterId: string;
  /** Variables that every container gets besides its own, for example PATH. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
}

/** A small kubelet: runs the pods of one node as local processes. */
export interface NodeLauncher {
  readonly nodeName: string;
  /** Takes up what still runs from before, then follows the API. */
  start(): Promise<void>;
  /** Ends everything that was started on this node, workers included, each with a grace. */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL to everything of the node at once; the API hears nothing but that the node is gone. */
  powerCut(): Promise<void>;
  /** Process id of a container while it runs. */
  containerPid(pod: StoredPod, container: string): number | undefined;
  /** File that a container's output goes to; undefined when there is none. */
  logFile(pod: StoredPod, container: string, previous: boolean): string | undefined;
}

// Workers end by themselves within this time after SIGTERM.
const leftoverGraceMs = 5000;
const leftoverPollMs = 50;
const keptLogs = 10;

/** Launcher of one node. */
export function createNodeLauncher(deps: NodeLauncherDeps): NodeLauncher {
  return new ProcessNodeLauncher(deps);
}

class ProcessNodeLauncher implements NodeLauncher {
  readonly nodeName: string;
  readonly #deps: NodeLauncherDeps;
  readonly #log: Log;
  readonly #logDirectory: string;
  /** In the environment of everything that this node starts. */
  readonly #marker: string;
  readonly #records: PodRecords;
  readonly #heartbeat: NodeHeartbeat;
  readonly #door: NodeDoor | undefined;
  readonly #runners = new Map<string, PodRunner>();
  /** Pods whose objects are gone and whose processes are not, yet. */
  readonly #vanishing = new Map<PodRunner, Promise<void>>();
  #stopWatch: (() => void) | undefined;

  constructor(deps: NodeLauncherDeps) {
    const { store, clock, nodeName, addresses, directory } = deps;
    const log = deps.log.child({ node: nodeName });
    this.nodeName = nodeName;
    this.#deps = deps;
    this.#log = log;
    this.#logDirectory = join(directory, 'logs');
    this.#marker = `${deps.clusterId}/${nodeName}`;
    this.#records = createPodRecords({ directory: join(directory, 'pods'), log });
    this.#door = this.#createDoor();
    this.#heartbeat = createNodeHeartbeat({ store, clock, log, nodeName, nodeIp: addresses[0] });
  }

  async start(): Promise<void> {
    const { store } = this.#deps;
    mkdirSync(this.#logDirectory, { recursive: true });
    await this.#heartbeat.start();
    const fieldSelector = `spec.nodeName=${this.nodeName}`;
    const { items, resourceVersion } = store.list<StoredPod>('pods', { fieldSelector });
    const old = new Map(this.#records.load().map((record) => [record.uid, record]));
    const records = items.map((pod) => ({ pod, record: old.get(pod.metadata.uid ?? '') }));
    // Those that have an address already keep it.
    records.sort((a, b) => Number(a.record === undefined) - Number(b.record === undefined));
    for (const { pod, record } of records) this.#take(pod, record);
    this.#door?.update();
    const gone = [...old.values()].filter((record) => !items.some((pod) => pod.metadata.uid === record.uid));
    const options = { fieldSelector, fromResourceVersion: resourceVersion };
    this.#stopWatch = store.watch<StoredPod>('pods', options, (event) => this.#onEvent(event));
    await Promise.all(gone.map((record) => this.#endForgotten(record)));
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopFollowing();
    const ended = [...this.#runners.values()].map((runner) => runner.shutDown(graceMs));
    await Promise.all([...this.#vanishing.values(), ...ended]);
    await this.#endLeftovers(Math.min(graceMs, leftoverGraceMs));
    await this.#heartbeat.stop();
  }

  async powerCut(): Promise<void> {
    this.#stopFollowing();
    for (const runner of this.#runners.values()) runner.powerCut();
    await this.#endLeftovers(0);
    this.#runners.clear();
    await this.#heartbeat.stop({ lost: true });
  }

  containerPid(pod: StoredPod, container: string): number | undefined {
    return this.#runners.get(pod.metadata.uid ?? '')?.containerPid(container);
  }

  logFile(pod: StoredPod, container: string, previous: boolean): string | undefined {
    const directory = join(this.#podLogDirectory(pod), container);
    if (!existsSync(directory)) return undefined;
    const numbers = readdirSync(directory).map((file) => Number.parseInt(file, 10));
    const wanted = numbers.sort((a, b) => b - a)[previous ? 1 : 0];
    return wanted === undefined ? undefined : join(directory, `${wanted}.log`);
  }

  #onEvent(event: StoreEvent<StoredPod>): void {
    this.#follow(event);
    this.#door?.update();
  }

  #follow(event: StoreEvent<StoredPod>): void {
    if (event.type !== 'DELETED') {
      this.#take(event.object);
      return;
    }
    const uid = event.object.metadata.uid ?? '';
    const runner = this.#runners.get(uid);
    this.#runners.delete(uid);
    if (runner === undefined) return;
    const vanished = runner.vanish().finally(() => this.#vanishing.delete(runner));
    this.#vanishing.set(runner, vanished);
  }

  #take(pod: StoredPod, record?: PodRecord): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.#runners.get(uid);
    if (known !== undefined) known.update(pod);
    else if (isTerminal(pod)) void this.#removeTerminal(pod);
    else {
      const podIp = this.#addressFor(pod, record);
      this.#runners.set(uid, createPodRunner(this.#runnerDeps(), pod, { podIp, record }));
      this.#pruneLogs();
    }
  }

  #runningPods(): PodRunner[] {
    return [...this.#runners.values(), ...this.#vanishing.keys()].filter((runner) => !runner.isOver());
  }

  #createDoor(): NodeDoor | undefined {
    const { addresses, nodePort: port, store } = this.#deps;
    if (port === undefined) return undefined;
    const [host] = addresses;
    return createNodeDoor({
      ...{ host, port, clock: this.#deps.clock, log: this.#log },
      isFree: () => !this.#runningPods().some(({ podIp }) => podIp === host),
      target: () => {
        const { items } = store.list<StoredPod>('pods', { fieldSelector: `spec.nodeName=${this.nodeName}` });
        return newestServing(items, port)?.status?.podIP;
      },
    });
  }

  #addressFor(pod: StoredPod, record: PodRecord | undefined): string {
    const taken = new Set(this.#runningPods().map(({ podIp }) => podIp));
    if (this.#door?.isOpen() === true) taken.add(this.#deps.addresses[0]);
    return choosePodAddress(this.#deps.addresses, { taken, hostNetwork: pod.spec.hostNetwork, before: record?.podIp });
  }

  #runnerDeps(): PodRunnerDeps {
    return {
      ...this.#deps,
      hostIp: this.#deps.addresses[0],
      changed: () => this.#door?.update(),
      log: this.#log,
      records: this.#records,
      baseEnvironment: { ...this.#deps.baseEnvironment, PANELET_DEVCLUSTER_NODE: this.#marker },
      logFile: (pod, container, restartCount) => join(this.#podLogDirectory(pod), container, `${restartCount}.log`),
    };
  }

  #podLogDirectory({ metadata }: StoredPod): string {
    return join(this.#logDirectory, `${metadata.namespace ?? ''}_${metadata.name}_${metadata.uid ?? ''}`);
  }

  #pruneLogs(): void {
    if (!existsSync(this.#logDirectory)) return;
    const entries = readdirSync(this.#logDirectory).map((name) => join(this.#logDirectory, name));
    const dead = entries.filter((path) => ![...this.#runners.keys()].some((uid) => path.endsWith(uid)));
    const byAge = dead.map((path) => ({ path, ms: statSync(path).mtimeMs })).sort((a, b) => b.ms - a.ms);
    for (const { path } of byAge.slice(keptLogs)) rmSync(path, { recursive: true, force: true });
  }

  async #removeTerminal(pod: StoredPod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    if (pod.metadata.deletionTimestamp === undefined || uid === undefined) return;
    await this.#deps.store.delete('pods', namespace, name, { uid, gracePeriodSeconds: 0 }).catch((err: unknown) => {
      if (!isStatusError(err)) this.#log.error({ err }, 'Pod not removed');
    });
  }

  async #endForgotten(record: PodRecord): Promise<void> {
    const { processes, clock } = this.#deps;
    this.#log.warn(
      { pod: { namespace: record.namespace, name: record.name } },
      'Pod is gone from the API, its processes are ended',
    );
    for (const container of Object.values(record.containers)) {
      const found = container.process === undefined ? undefined : processes.adopt(container.process);
      if (found === undefined) continue;
      found.signal('SIGTERM');
      const timer = clock.after(leftoverGraceMs, () => found.killGroup());
      await found.exited;
      timer.stop();
    }
    this.#records.remove(record.uid);
  }

  /** Ends what the node's containers started and left behind. */
  async #endLeftovers(graceMs: number): Promise<void> {
    const { processes, clock } = this.#deps;
    const find = (): ReturnType<Processes['find']> => processes.find(`PANELET_DEVCLUSTER_NODE=${this.#marker}`);
    const deadlineMs = clock.nowMs() + graceMs;
    if (graceMs > 0) for (const identity of find()) processes.signal(identity, 'SIGTERM');
    while (find().length > 0 && clock.nowMs() < deadlineMs) await sleep(clock, leftoverPollMs);
    for (const identity of find()) processes.signal(identity, 'SIGKILL');
  }

  #stopFollowing(): void {
    this.#door?.close();
    this.#stopWatch?.();
    this.#stopWatch = undefined;
  }
}

/** The pod that answers for its node: the newest that is Ready. */
function newestServing(pods: readonly StoredPod[], port: number): StoredPod | undefined {
  const serving = pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      podCondition(pod, 'Ready')?.status === 'True' &&
      pod.spec.containers.some(({ ports = [] }) => ports.some(({ containerPort }) => containerPort === port)),
  );
  return serving
    .sort((a, b) => compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''))
    .at(-1);
}

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '#common/time/clock.js';
import type { StoreEvent } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { createNodeHeartbeat } from './node-heartbeat.js';
import { isTerminal, type StoredPod } from './pod.js';
import { createPodRecords, type PodRecord } from './pod-records.js';
import { createPodRunner, type PodRunner, type PodRunnerDeps } from './pod-runner.js';

/** What a launcher of one node needs. */
export interface NodeLauncherDeps extends Omit<PodRunnerDeps, 'records' | 'logFile' | 'baseEnvironment'> {
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
  const { store, clock, nodeName } = deps;
  const log = deps.log.child({ node: nodeName });
  const logDirectory = join(deps.directory, 'logs');
  const marker = `${deps.clusterId}/${nodeName}`;
  const records = createPodRecords({ directory: join(deps.directory, 'pods'), log });
  const heartbeat = createNodeHeartbeat({ store, clock, log, nodeName, nodeIp: deps.podIp });
  const runners = new Map<string, PodRunner>();
  // Pods whose objects are gone and whose processes are not, yet.
  const vanishing = new Set<Promise<void>>();
  let stopWatch: (() => void) | undefined;

  const podLogDirectory = (pod: StoredPod): string =>
    join(logDirectory, `${pod.metadata.namespace ?? ''}_${pod.metadata.name}_${pod.metadata.uid ?? ''}`);

  const runnerDeps: PodRunnerDeps = {
    ...deps,
    log,
    records,
    baseEnvironment: { ...deps.baseEnvironment, PANELET_DEVCLUSTER_NODE: marker },
    logFile: (pod, container, restartCount) => join(podLogDirectory(pod), container, `${restartCount}.log`),
  };

  const pruneLogs = (): void => {
    if (!existsSync(logDirectory)) return;
    const entries = readdirSync(logDirectory).map((name) => join(logDirectory, name));
    const dead = entries.filter((path) => ![...runners.keys()].some((uid) => path.endsWith(uid)));
    const byAge = dead.map((path) => ({ path, ms: statSync(path).mtimeMs })).sort((a, b) => b.ms - a.ms);
    for (const { path } of byAge.slice(keptLogs)) rmSync(path, { recursive: true, force: true });
  };

  const removeTerminal = async (pod: StoredPod): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    if (pod.metadata.deletionTimestamp === undefined || uid === undefined) return;
    await store.delete('pods', namespace, name, { uid, gracePeriodSeconds: 0 }).catch((err: unknown) => {
      if (!isStatusError(err)) log.error({ err }, 'Pod not removed');
    });
  };

  const take = (pod: StoredPod, record?: PodRecord): void => {
    const uid = pod.metadata.uid ?? '';
    const known = runners.get(uid);
    if (known !== undefined) known.update(pod);
    else if (isTerminal(pod)) void removeTerminal(pod);
    else {
      runners.set(uid, createPodRunner(runnerDeps, pod, record));
      pruneLogs();
    }
  };

  const onEvent = (event: StoreEvent<StoredPod>): void => {
    if (event.type !== 'DELETED') {
      take(event.object);
      return;
    }
    const uid = event.object.metadata.uid ?? '';
    const runner = runners.get(uid);
    runners.delete(uid);
    if (runner === undefined) return;
    const vanished = runner.vanish().finally(() => vanishing.delete(vanished));
    vanishing.add(vanished);
  };

  const endForgotten = async (record: PodRecord): Promise<void> => {
    log.warn(
      { pod: { namespace: record.namespace, name: record.name } },
      'Pod is gone from the API, its processes are ended',
    );
    for (const container of Object.values(record.containers)) {
      const found = container.process === undefined ? undefined : deps.processes.adopt(container.process);
      if (found === undefined) continue;
      found.signal('SIGTERM');
      const timer = clock.after(leftoverGraceMs, () => found.killGroup());
      await found.exited;
      timer.stop();
    }
    records.remove(record.uid);
  };

  const endLeftovers = async (graceMs: number): Promise<void> => {
    const find = (): readonly { pid: number; startTime: number }[] =>
      deps.processes.find(`PANELET_DEVCLUSTER_NODE=${marker}`);
    const deadlineMs = clock.nowMs() + graceMs;
    if (graceMs > 0) for (const identity of find()) deps.processes.signal(identity, 'SIGTERM');
    while (find().length > 0 && clock.nowMs() < deadlineMs) await sleep(clock, leftoverPollMs);
    for (const identity of find()) deps.processes.signal(identity, 'SIGKILL');
  };

  const stopFollowing = (): void => {
    stopWatch?.();
    stopWatch = undefined;
  };

  return {
    nodeName,
    start: async () => {
      mkdirSync(logDirectory, { recursive: true });
      await heartbeat.start();
      const fieldSelector = `spec.nodeName=${nodeName}`;
      const { items, resourceVersion } = store.list<StoredPod>('pods', { fieldSelector });
      const old = new Map(records.load().map((record) => [record.uid, record]));
      for (const pod of items) take(pod, old.get(pod.metadata.uid ?? ''));
      const gone = [...old.values()].filter((record) => !items.some((pod) => pod.metadata.uid === record.uid));
      stopWatch = store.watch<StoredPod>('pods', { fieldSelector, fromResourceVersion: resourceVersion }, onEvent);
      await Promise.all(gone.map(endForgotten));
    },
    stop: async (graceMs) => {
      stopFollowing();
      await Promise.all([...vanishing, ...[...runners.values()].map((runner) => runner.shutDown(graceMs))]);
      await endLeftovers(Math.min(graceMs, leftoverGraceMs));
      await heartbeat.stop();
    },
    powerCut: async () => {
      stopFollowing();
      for (const runner of runners.values()) runner.powerCut();
      await endLeftovers(0);
      runners.clear();
      await heartbeat.stop({ lost: true });
    },
    containerPid: (pod, container) => runners.get(pod.metadata.uid ?? '')?.containerPid(container),
    logFile: (pod, container, previous) => {
      const directory = join(podLogDirectory(pod), container);
      if (!existsSync(directory)) return undefined;
      const numbers = readdirSync(directory).map((file) => Number.parseInt(file, 10));
      const wanted = numbers.sort((a, b) => b - a)[previous ? 1 : 0];
      return wanted === undefined ? undefined : join(directory, `${wanted}.log`);
    },
  };
}

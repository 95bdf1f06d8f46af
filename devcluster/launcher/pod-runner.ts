import { hexOf } from '#common/hex.js';
import { type Clock, timestamp } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { RestartDelays } from './back-off.js';
import { createContainerRunner, type ContainerRunner } from './container-runner.js';
import { containerCommand, containerEnvironment } from './environment.js';
import type { EntryPoints } from './entry-points.js';
import type { Container, PodStatus, StoredPod } from './pod.js';
import type { PodRecord, PodRecords } from './pod-records.js';
import { derivePodStatus } from './pod-status.js';
import type { Prober } from './probe.js';
import type { Processes, ProcessSpec } from './processes.js';
import { startReadinessLoop } from './readiness-loop.js';

/** What the pods of one node share. */
export interface PodRunnerDeps {
  readonly store: ObjectStore;
  readonly processes: Processes;
  readonly prober: Prober;
  readonly entryPoints: EntryPoints;
  readonly records: PodRecords;
  readonly recorder: ClusterEventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly delays: RestartDelays;
  readonly nodeName: string;
  /** Address of the node. */
  readonly hostIp: string;
  /** Variables that every container gets besides its own, for example PATH. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  /** What runs of a pod is another than before. */
  readonly changed: () => void;
  /** Where a container writes its output. */
  readonly logFile: (pod: StoredPod, container: string, restartCount: number) => string;
}

/** Runs one pod. */
export interface PodRunner {
  readonly uid: string;
  readonly podIp: string;
  /** Takes a newer state of the object; a deletion timestamp ends the pod. */
  update(pod: StoredPod): void;
  /** The object is gone from the API: ends what runs, with a short grace. */
  vanish(): Promise<void>;
  /** Ends the containers as when a node shuts down; the object stays. */
  shutDown(graceMs: number): Promise<void>;
  /** True once nothing runs and nothing will be started again: its address is free. */
  isOver(): boolean;
  /** Process id of a container while it runs. */
  containerPid(container: string): number | undefined;
  /** SIGKILL to everything, as in a power cut. */
  powerCut(): void;
}

// A kubelet gives at least this much even to a pod that was deleted with grace 0.
const leastGraceMs = 2000;

/** Where and from what a pod begins. */
export interface PodBeginning {
  readonly podIp: string;
  /** What is known of it from before. */
  readonly record: PodRecord | undefined;
}

/** A pod that is started at once, or continued from its record. */
export function createPodRunner(deps: PodRunnerDeps, initial: StoredPod, beginning: PodBeginning): PodRunner {
  const runner = new ProcessPodRunner(deps, initial, beginning);
  runner.begin(beginning.record);
  return runner;
}

class ProcessPodRunner implements PodRunner {
  readonly uid: string;
  readonly podIp: string;
  readonly #deps: PodRunnerDeps;
  readonly #log: Log;
  /** As the pod was when this runner began: what cannot change is read from it. */
  readonly #initial: StoredPod;
  readonly #startTime: string;
  readonly #runners: readonly ContainerRunner[];
  #pod: StoredPod;
  #deleting = false;
  /** True while its node goes down: the API hears no more of it. */
  #quiet = false;
  /** True after a power cut: nothing is recorded either. */
  #cut = false;
  #dirty = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: PodRunnerDeps, initial: StoredPod, { podIp, record }: PodBeginning) {
    this.uid = initial.metadata.uid ?? '';
    this.podIp = podIp;
    this.#deps = deps;
    this.#log = deps.log.child({ pod: { namespace: initial.metadata.namespace, name: initial.metadata.name } });
    this.#initial = initial;
    this.#startTime = record?.startTime ?? timestamp(deps.clock.date());
    this.#pod = initial;
    this.#runners = initial.spec.containers.map((container) => this.#createRunner(container));
  }

  /** Starts the containers, or goes on with those of `record`. */
  begin(record: PodRecord | undefined): void {
    const { metadata, spec, status } = this.#initial;
    const mayStart = metadata.deletionTimestamp === undefined;
    for (const [index, runner] of this.#runners.entries()) {
      const name = spec.containers[index]?.name ?? '';
      const wasReady = status?.containerStatuses?.find((container) => container.name === name)?.ready ?? false;
      runner.begin({ record: record?.containers[name], wasReady, mayStart });
    }
    this.update(this.#initial);
  }

  update(next: StoredPod): void {
    this.#pod = next;
    if (next.metadata.deletionTimestamp !== undefined) {
      const graceMs = Math.max(leastGraceMs, (next.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
      const ended = this.#end(graceMs);
      if (!this.#deleting) void ended.then(() => this.#remove());
      this.#deleting = true;
    } else if (next.metadata.generation !== next.status?.observedGeneration || hasGates(next)) {
      this.#changed();
    }
  }

  async vanish(): Promise<void> {
    await this.#end(leastGraceMs);
    this.#deps.records.remove(this.uid);
  }

  async shutDown(graceMs: number): Promise<void> {
    this.#quiet = true;
    await this.#end(graceMs);
  }

  isOver(): boolean {
    return this.#runners.every((runner) => runner.isOver());
  }

  containerPid(container: string): number | undefined {
    return this.#runners.find((runner) => runner.view().name === container)?.record().process?.pid;
  }

  powerCut(): void {
    this.#quiet = true;
    this.#cut = true;
    for (const runner of this.#runners) void runner.end(0);
  }

  async #end(graceMs: number): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.end(graceMs)));
    await this.#writing;
  }

  async #remove(): Promise<void> {
    this.#deps.records.remove(this.uid);
    const { namespace, name } = this.#initial.metadata;
    try {
      await this.#deps.store.delete('pods', namespace, name, { uid: this.uid, gracePeriodSeconds: 0 });
    } catch (err) {
      if (!isStatusError(err, 'NotFound') && !isStatusError(err, 'Conflict'))
        this.#log.error({ err }, 'Pod not removed');
    }
  }

  #changed(): void {
    this.#deps.changed();
    if (this.#cut) return;
    this.#deps.records.save({
      uid: this.uid,
      namespace: this.#initial.metadata.namespace ?? '',
      name: this.#initial.metadata.name,
      startTime: this.#startTime,
      podIp: this.podIp,
      containers: Object.fromEntries(this.#runners.map((runner) => [runner.view().name, runner.record()])),
    });
    // A node that goes down says nothing more about its pods: they come back with it.
    if (this.#dirty || this.#quiet) return;
    this.#dirty = true;
    this.#writing = this.#writing.then(() => this.#writeStatus());
  }

  async #writeStatus(): Promise<void> {
    this.#dirty = false;
    const { namespace: ns, name } = this.#initial.metadata;
    const change = (stored: StoredPod): void => {
      if (stored.metadata.uid === this.uid) stored.status = this.#statusOf(stored);
    };
    try {
      await this.#deps.store.mutate<StoredPod>('pods', { ns, name }, change, { subresource: 'status' });
    } catch (err) {
      if (!isStatusError(err, 'NotFound')) this.#log.error({ err }, 'Pod status not written');
    }
  }

  #statusOf(pod: StoredPod): PodStatus {
    return derivePodStatus({
      pod,
      containers: this.#runners.map((runner) => runner.view()),
      podIp: this.podIp,
      hostIp: this.#deps.hostIp,
      startTime: this.#startTime,
      now: timestamp(this.#deps.clock.date()),
      ending: this.isOver(),
    });
  }

  #createRunner(container: Container): ContainerRunner {
    const { processes, clock, random, delays } = this.#deps;
    const { metadata, spec } = this.#initial;
    return createContainerRunner({
      name: container.name,
      image: container.image,
      processes,
      clock,
      log: this.#log,
      delays,
      restartPolicy: spec.restartPolicy ?? 'Always',
      label: `${container.name} in pod ${metadata.name}_${metadata.namespace ?? ''}(${this.uid})`,
      newContainerId: () => hexOf(random.bytes(32)),
      listener: {
        changed: () => this.#changed(),
        event: (type, reason, message) => this.#record(type, reason, message),
      },
      spec: (restartCount) => this.#specOf(container, restartCount),
      watchReadiness: (wasReady, tell) => this.#watchReadiness(container, wasReady, tell),
    });
  }

  #watchReadiness(container: Container, wasReady: boolean, tell: (isReady: boolean) => void): () => void {
    const { clock, prober } = this.#deps;
    const { podIp } = this;
    const onUnhealthy = (failure: string): void =>
      this.#record('Warning', 'Unhealthy', `Readiness probe failed: ${failure}`);
    return startReadinessLoop({ clock, prober, container, podIp, onUnhealthy }, wasReady, tell);
  }

  #record(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.record(this.#pod, { type, reason, message });
  }

  #specOf(container: Container, restartCount: number): ProcessSpec {
    const { nodeName, hostIp, entryPoints, baseEnvironment, logFile } = this.#deps;
    const environment = containerEnvironment(container, this.#pod, { nodeName, hostIp, podIp: this.podIp });
    return {
      command: entryPoints.resolve(containerCommand(container, environment)),
      environment: {
        ...baseEnvironment,
        HOSTNAME: this.#pod.metadata.name,
        PANELET_DEVCLUSTER_POD: this.uid,
        ...environment,
      },
      logFile: logFile(this.#pod, container.name, restartCount),
      ...(container.workingDir === undefined ? {} : { workingDirectory: container.workingDir }),
    };
  }
}

function hasGates(pod: StoredPod): boolean {
  return (pod.spec.readinessGates?.length ?? 0) > 0;
}

import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { RestartDelays } from './back-off.js';
import { createContainerRunner, type ContainerRunner } from './container-runner.js';
import { containerCommand, containerEnvironment } from './environment.js';
import type { EntryPoints } from './entry-points.js';
import type { Container, StoredPod } from './pod.js';
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
  readonly podIp: string;
  /** Variables that every container gets besides its own, for example PATH. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  /** Where a container writes its output. */
  readonly logFile: (pod: StoredPod, container: string, restartCount: number) => string;
}

/** Runs one pod. */
export interface PodRunner {
  readonly uid: string;
  /** Takes a newer state of the object; a deletion timestamp ends the pod. */
  update(pod: StoredPod): void;
  /** The object is gone from the API: ends what runs, with a short grace. */
  vanish(): Promise<void>;
  /** Ends the containers as when a node shuts down; the object stays. */
  shutDown(graceMs: number): Promise<void>;
  /** Process id of a container while it runs. */
  containerPid(container: string): number | undefined;
  /** SIGKILL to everything, as in a power cut. */
  powerCut(): void;
}

// A kubelet gives at least this much even to a pod that was deleted with grace 0.
const leastGraceMs = 2000;

/** A pod that is started at once, or continued from `record`. */
export function createPodRunner(deps: PodRunnerDeps, initial: StoredPod, record: PodRecord | undefined): PodRunner {
  const { clock } = deps;
  const uid = initial.metadata.uid ?? '';
  const log = deps.log.child({ pod: { namespace: initial.metadata.namespace, name: initial.metadata.name } });
  const startTime = record?.startTime ?? timestamp(clock);
  let pod = initial;
  let deleting = false;
  let quiet = false;
  let cut = false;
  let writing: Promise<void> = Promise.resolve();
  let dirty = false;

  const isOver = (): boolean => runners.every((runner) => runner.isOver());

  const writeStatus = async (): Promise<void> => {
    dirty = false;
    const { namespace: ns, name } = initial.metadata;
    const change = (stored: StoredPod): void => {
      if (stored.metadata.uid !== uid) return;
      stored.status = derivePodStatus({
        pod: stored,
        containers: runners.map((runner) => runner.view()),
        podIp: deps.podIp,
        startTime,
        now: timestamp(clock),
        ending: isOver(),
      });
    };
    try {
      await deps.store.mutate<StoredPod>('pods', { ns, name }, change, { subresource: 'status' });
    } catch (err) {
      if (!isStatusError(err, 'NotFound')) log.error({ err }, 'Pod status not written');
    }
  };

  const changed = (): void => {
    if (cut) return;
    deps.records.save({
      uid,
      namespace: initial.metadata.namespace ?? '',
      name: initial.metadata.name,
      startTime,
      containers: Object.fromEntries(runners.map((runner) => [runner.view().name, runner.record()])),
    });
    // A node that goes down says nothing more about its pods: they come back with it.
    if (dirty || quiet) return;
    dirty = true;
    writing = writing.then(writeStatus);
  };

  const specOf = (container: Container, restartCount: number): ProcessSpec => {
    const environment = containerEnvironment(container, pod, { nodeName: deps.nodeName, podIp: deps.podIp });
    return {
      command: deps.entryPoints.resolve(containerCommand(container, environment)),
      environment: {
        ...deps.baseEnvironment,
        HOSTNAME: pod.metadata.name,
        PANELET_DEVCLUSTER_POD: uid,
        ...environment,
      },
      logFile: deps.logFile(pod, container.name, restartCount),
      ...(container.workingDir === undefined ? {} : { workingDirectory: container.workingDir }),
    };
  };

  const createRunner = (container: Container): ContainerRunner =>
    createContainerRunner({
      name: container.name,
      image: container.image,
      processes: deps.processes,
      clock,
      log,
      delays: deps.delays,
      restartPolicy: initial.spec.restartPolicy ?? 'Always',
      label: `${container.name} in pod ${initial.metadata.name}_${initial.metadata.namespace ?? ''}(${uid})`,
      newContainerId: () => deps.random.bytes(32).toString('hex'),
      listener: {
        changed,
        event: (type, reason, message) => deps.recorder.record(pod, { type, reason, message }),
      },
      spec: (restartCount) => specOf(container, restartCount),
      watchReadiness: (wasReady, tell) =>
        startReadinessLoop(
          {
            clock,
            prober: deps.prober,
            container,
            podIp: deps.podIp,
            onUnhealthy: (failure) => {
              const message = `Readiness probe failed: ${failure}`;
              deps.recorder.record(pod, { type: 'Warning', reason: 'Unhealthy', message });
            },
          },
          wasReady,
          tell,
        ),
    });

  const runners = initial.spec.containers.map(createRunner);

  const end = async (graceMs: number): Promise<void> => {
    await Promise.all(runners.map((runner) => runner.end(graceMs)));
    await writing;
  };

  const remove = async (): Promise<void> => {
    deps.records.remove(uid);
    const { namespace, name } = initial.metadata;
    try {
      await deps.store.delete('pods', namespace, name, { uid, gracePeriodSeconds: 0 });
    } catch (err) {
      if (!isStatusError(err, 'NotFound') && !isStatusError(err, 'Conflict')) log.error({ err }, 'Pod not removed');
    }
  };

  const update = (next: StoredPod): void => {
    pod = next;
    if (next.metadata.deletionTimestamp !== undefined) {
      const graceMs = Math.max(leastGraceMs, (next.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
      const ended = end(graceMs);
      if (!deleting) void ended.then(remove);
      deleting = true;
    } else if (next.metadata.generation !== next.status?.observedGeneration || hasGates(next)) {
      changed();
    }
  };

  const mayStart = initial.metadata.deletionTimestamp === undefined;
  for (const [index, runner] of runners.entries()) {
    const name = initial.spec.containers[index]?.name ?? '';
    const wasReady = initial.status?.containerStatuses?.find((status) => status.name === name)?.ready ?? false;
    runner.begin({ record: record?.containers[name], wasReady, mayStart });
  }
  update(initial);

  return {
    uid,
    update,
    vanish: async () => {
      await end(leastGraceMs);
      deps.records.remove(uid);
    },
    shutDown: async (graceMs) => {
      quiet = true;
      await end(graceMs);
    },
    containerPid: (container) => runners.find((runner) => runner.view().name === container)?.record().process?.pid,
    powerCut: () => {
      quiet = true;
      cut = true;
      for (const runner of runners) void runner.end(0);
    },
  };
}

function hasGates(pod: StoredPod): boolean {
  return (pod.spec.readinessGates?.length ?? 0) > 0;
}

function timestamp(clock: Clock): string {
  return clock
    .date()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}

import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import type { KubeApi } from '#kube/api.js';
import { createNoRestartMetrics, type RestartMetrics } from '../metrics/restart-metrics.js';
import { createDrainTimings } from './report/drain-timings.js';
import { createDrainStreams } from './act/drain-streams.js';
import { createExecutor } from './act/executor.js';
import { createGateAsker } from './act/gate-asker.js';
import type { ClusterView, GateCalls, Leadership, Recorder } from './api/ports.js';
import { createAudit } from './report/audit.js';
import { createProgress } from './report/progress.js';
import { createReconciler, type Reconciler } from './reconciler.js';
import { createStatusWriter } from './act/status-writer.js';
import { createRolloutTrigger } from './request/rollout-trigger.js';
import { createTargetWriter } from './request/target-writer.js';
import { createTrigger } from './request/annotation-trigger.js';
import { createWatchTimes } from './facts/watch-times.js';

/** The world a restart controller works in. */
export interface RestartControllerDeps {
  readonly api: KubeApi;
  readonly gates: GateCalls;
  readonly view: ClusterView;
  readonly recorder: Recorder;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** @default metrics that nobody reads */
  readonly metrics?: RestartMetrics;
  /** Looks at a target again soon. */
  readonly enqueue: (targetKey: string) => void;
}

/** One life of a restart controller: it remembers nothing that another life would miss. */
export interface RestartController extends Reconciler {
  /** Stops hearing drains; the drains go on. */
  stop(): void;
}

/** Puts a restart controller together. */
export function createRestartController(deps: RestartControllerDeps): RestartController {
  const { clock, view } = deps;
  const audit = createAudit(deps.log);
  const metrics = deps.metrics ?? createNoRestartMetrics();
  const timings = createDrainTimings(metrics, clock);
  const writer = createTargetWriter(deps);
  const streams = createDrainStreams({ ...deps, timings });
  const reconciler = createReconciler({
    ...deps,
    triggers: [createTrigger({ writer, audit, clock }), createRolloutTrigger({ view, writer, audit, clock })],
    executor: createExecutor({ ...deps, targets: writer, streams, audit, timings, metrics }),
    asker: createGateAsker(deps),
    statusWriter: createStatusWriter(deps),
    watchTimes: createWatchTimes(clock),
    progress: createProgress({ audit, metrics, timings }),
  });
  return { reconcile: (key) => reconciler.reconcile(key), stop: () => streams.stopAll() };
}

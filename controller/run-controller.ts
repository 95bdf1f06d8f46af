import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { createEventRecorder } from '#kube/event-recorder.js';
import type { KubeApi } from '#kube/api.js';
import { createLeaderElector, type Lead } from './lease/leader-elector.js';
import type { KubeObject } from '#kube/objects.js';
import { createReflector, type Reflector } from '#kube/reflector.js';
import type { RestartMetrics } from './metrics/restart-metrics.js';
import {
  createClusterStores,
  createClusterView,
  enqueueOnChange,
  mapReflected,
  type ClusterStores,
  type Reflected,
} from './restart/facts/cluster-view.js';
import type { GateCalls } from './restart/api/ports.js';
import { createRestartController } from './restart/restart-controller.js';
import { runControllerLoop } from './runtime/controller-loop.js';
import { createWorkQueue } from './runtime/work-queue.js';

/** How a controller runs. */
export interface ControllerOptions {
  /** Namespace it looks after, and where its lease is. */
  readonly namespace: string;
  /** Name of this process, another one after every start. */
  readonly identity: string;
  /** @default 'panelet-controller' */
  readonly leaseName?: string;
  /** @default 15000 */
  readonly leaseMs?: number;
  /** @default 10000 */
  readonly renewDeadlineMs?: number;
  /** @default 2000 */
  readonly retryMs?: number;
}

/** The world it runs in. */
export interface ControllerDeps {
  readonly api: KubeApi;
  readonly gates: GateCalls;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Aborting it gives the lease back and ends the run. */
  readonly signal: AbortSignal;
  /** Hears what happens to restarts. */
  readonly metrics: RestartMetrics;
  /** Hears how long each look at a target took, in milliseconds. */
  readonly onReconciled?: (tookMs: number) => void;
  /** Other work of the one that leads; it ends when the signal aborts, and never rejects. */
  readonly alongside?: (signal: AbortSignal, stores: ClusterStores) => Promise<void>;
}

/** A controller that runs. */
export interface RunningController {
  /** True once everything it watches has been listed. */
  isSynced(): boolean;
  isLeading(): boolean;
  /** Targets that wait to be looked at. */
  queueDepth(): number;
  /** Resolves when it is over, with how. */
  readonly ended: Promise<'released' | 'lost' | 'never led'>;
}

/** Starts a controller: it watches at once and works while it leads. */
export function startController(deps: ControllerDeps, options: ControllerOptions): RunningController {
  const { api, clock, random, log, signal } = deps;
  const { namespace, identity } = options;
  const stores = createClusterStores();
  const state = { synced: false, leading: false, queueDepth: (): number => 0 };
  const reflect = <T extends KubeObject>(what: Reflected<T>): Reflector =>
    createReflector({ ...deps, ...what, ...(what.resource.namespaced ? { namespace } : {}) });
  const reflectors = mapReflected(stores, reflect);
  const watching = reflectors.map((reflector) => reflector.run(signal));
  const synced = Promise.all(reflectors.map((reflector) => reflector.synced)).then(() => {
    state.synced = true;
  });
  const sinks = new Set<(targetKey: string) => void>();
  enqueueOnChange(stores, (key) => {
    for (const sink of sinks) sink(key);
  });
  const recorder = createEventRecorder({ api, instance: identity, clock, random, log });

  const restart = async (lead: Lead): Promise<void> => {
    const aborted = onceAborted(lead.signal);
    await Promise.race([synced, aborted]);
    if (lead.signal.aborted) return;
    const queue = createWorkQueue({ clock, random });
    state.queueDepth = () => queue.length;
    const enqueue = (key: string): void => queue.add(key);
    const controller = createRestartController({
      ...deps,
      view: createClusterView(stores),
      recorder,
      leadership: lead,
      enqueue,
    });
    sinks.add(enqueue);
    for (const target of stores.targets.list()) enqueue(`${target.metadata.namespace ?? ''}/${target.metadata.name}`);
    for (const restart of stores.restarts.list()) {
      enqueue(`${restart.metadata.namespace ?? ''}/${restart.spec.targetRef.name}`);
    }
    const reconcile: typeof controller.reconcile = async (key) => {
      const startMs = clock.nowMs();
      try {
        return await controller.reconcile(key);
      } finally {
        deps.onReconciled?.(clock.nowMs() - startMs);
      }
    };
    const loop = runControllerLoop({ queue, reconcile, log });
    await aborted;
    sinks.delete(enqueue);
    queue.close();
    controller.stop();
    await loop;
    await recorder.flush();
  };

  const work = async (lead: Lead): Promise<void> => {
    state.leading = true;
    lead.signal.addEventListener('abort', () => (state.leading = false), { once: true });
    await Promise.all([restart(lead), deps.alongside?.(lead.signal, stores)]);
  };

  const elector = createLeaderElector({
    ...options,
    api,
    lease: { namespace, name: options.leaseName ?? 'panelet-controller' },
    identity,
    clock,
    random,
    log,
  });
  const ended = elector.run(signal, work).then(async (how) => {
    if (how !== 'lost') await Promise.all(watching);
    return how;
  });
  return {
    isSynced: () => state.synced,
    isLeading: () => state.leading,
    queueDepth: () => state.queueDepth(),
    ended,
  };
}

function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';

import { createEventRecorder, type EventRecorder } from '#kube/event-recorder.js';
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
  retiredFrom,
  type ClusterStores,
  type Reflected,
} from './restart/facts/cluster-view.js';
import type { GateCalls } from './restart/api/ports.js';
import type { ReconcileResult } from './restart/reconciler.js';
import { countDetached, countStalled, type DetachedCounts } from './restart/facts/restart-counts.js';
import { createRestartController, type RestartController } from './restart/restart-controller.js';
import { runControllerLoop } from './runtime/controller-loop.js';
import { createWorkQueue, type WorkQueue } from './runtime/work-queue.js';

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
  detachedPods(): DetachedCounts;
  /** Restarts that need a person, by reason. */
  stalledRestarts(): ReadonlyMap<string, number>;
  /** Resolves when it is over, with how. */
  readonly ended: Promise<'released' | 'lost' | 'never led'>;
}

/** Starts a controller: it watches at once and works while it leads. */
export function startController(deps: ControllerDeps, options: ControllerOptions): RunningController {
  return new Controller(deps, options);
}

class Controller implements RunningController {
  readonly ended: Promise<'released' | 'lost' | 'never led'>;
  readonly #deps: ControllerDeps;
  readonly #stores = createClusterStores();
  readonly #recorder: EventRecorder;
  /** Resolves once everything it watches has been listed. */
  readonly #listed: Promise<void>;
  #synced = false;
  #leading = false;
  /** Of the lead it has, or had last. */
  #queue: WorkQueue | undefined;
  /** Takes the keys of targets to look at, while it leads. */
  readonly #sinks = new Set<(targetKey: string) => void>();

  constructor(deps: ControllerDeps, options: ControllerOptions) {
    const { api, clock, random, log, signal } = deps;
    const { namespace, identity, leaseName = 'panelet-controller' } = options;
    this.#deps = deps;
    const reflect = <T extends KubeObject>(what: Reflected<T>): Reflector =>
      createReflector({ ...deps, ...what, ...(what.resource.namespaced ? { namespace } : {}) });
    const reflectors = mapReflected(this.#stores, reflect);
    const watching = reflectors.map((reflector) => reflector.run(signal));
    this.#listed = Promise.all(reflectors.map((reflector) => reflector.synced)).then(() => {
      this.#synced = true;
    });
    enqueueOnChange(this.#stores, (key) => {
      for (const sink of this.#sinks) sink(key);
    });
    this.#recorder = createEventRecorder({ api, instance: identity, clock, random, log });
    const lease = { namespace, name: leaseName };
    const elector = createLeaderElector({ ...options, api, lease, identity, clock, random, log });
    this.ended = elector
      .run(signal, (lead) => this.#lead(lead))
      .then(async (how) => {
        if (how !== 'lost') await Promise.all(watching);
        return how;
      });
  }

  isSynced(): boolean {
    return this.#synced;
  }

  isLeading(): boolean {
    return this.#leading;
  }

  queueDepth(): number {
    return this.#queue?.length ?? 0;
  }

  detachedPods(): DetachedCounts {
    return countDetached(this.#stores);
  }

  stalledRestarts(): ReadonlyMap<string, number> {
    return countStalled(this.#stores);
  }

  async #lead(lead: Lead): Promise<void> {
    this.#leading = true;
    lead.signal.addEventListener('abort', () => (this.#leading = false), { once: true });
    await Promise.all([this.#restart(lead), this.#deps.alongside?.(lead.signal, this.#stores)]);
  }

  /** Restarts what is asked for until the lead is over. */
  async #restart(lead: Lead): Promise<void> {
    const { clock, random, log } = this.#deps;
    const aborted = onceAborted(lead.signal);
    await Promise.race([this.#listed, aborted]);
    if (lead.signal.aborted) return;
    const queue = createWorkQueue({ clock, random });
    this.#queue = queue;
    const enqueue = (key: string): void => queue.add(key);
    const controller = createRestartController({
      ...this.#deps,
      view: createClusterView(this.#stores),
      recorder: this.#recorder,
      leadership: lead,
      enqueue,
    });
    this.#sinks.add(enqueue);
    for (const key of targetKeys(this.#stores)) enqueue(key);
    const loop = runControllerLoop({ queue, reconcile: (key) => this.#reconcile(controller, key), log });
    await aborted;
    this.#sinks.delete(enqueue);
    queue.close();
    controller.stop();
    await loop;
    await this.#recorder.flush();
  }

  async #reconcile(controller: RestartController, targetKey: string): Promise<ReconcileResult> {
    const { clock, onReconciled } = this.#deps;
    const startMs = clock.nowMs();
    try {
      return await controller.reconcile(targetKey);
    } finally {
      onReconciled?.(clock.nowMs() - startMs);
    }
  }
}

/** Keys of everything there is to look at: targets, and those of restarts, and of pods that retire, whose target is not there. */
function targetKeys(stores: ClusterStores): string[] {
  const { targets, restarts } = stores;
  return [
    ...retiredFrom(stores),
    ...targets.list().map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
    ...restarts.list().map(({ metadata, spec }) => `${metadata.namespace ?? ''}/${spec.targetRef.name}`),
  ];
}

function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

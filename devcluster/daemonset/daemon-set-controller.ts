import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import { keyOf, type StoredObject } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import type { StoredDaemonSet } from './daemon-set.js';
import { DaemonSetReconciler } from './daemon-set-reconciler.js';

/** What the controller needs. */
export interface DaemonSetControllerDeps {
  readonly store: ObjectStore;
  readonly recorder: ClusterEventRecorder;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps one pod of each DaemonSet on each node that matches. */
export interface DaemonSetController {
  /** Looks at every DaemonSet, then follows changes. */
  start(): void;
  /** Waits for the reconcile under way. */
  stop(): Promise<void>;
}

// After a write that the store refused, twice as long each time in a row; the next change of an object may come sooner.
const firstRetryMs = 500;
const lastRetryMs = 4000;

/** Controller of every DaemonSet of the dev cluster. */
export function createDaemonSetController(deps: DaemonSetControllerDeps): DaemonSetController {
  return new StoreDaemonSetController(deps);
}

/** Says which DaemonSets are to be looked at, and when again; they are, one after the other. */
class StoreDaemonSetController implements DaemonSetController {
  readonly #deps: DaemonSetControllerDeps;
  readonly #reconciler: DaemonSetReconciler;
  readonly #dirty = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  readonly #stopWatches: (() => void)[] = [];
  #working: Promise<void> | undefined;
  #stopped = true;

  constructor(deps: DaemonSetControllerDeps) {
    this.#deps = deps;
    this.#reconciler = new DaemonSetReconciler(deps);
  }

  start(): void {
    const { store } = this.#deps;
    this.#stopped = false;
    this.#stopWatches.push(
      store.watch('daemonsets', {}, ({ object: { metadata } }) =>
        this.#enqueue(keyOf(metadata.namespace, metadata.name)),
      ),
      store.watch('pods', {}, ({ object, previous }) => {
        this.#enqueueOwner(object);
        // A pod that was relabelled or orphaned leaves a free place at its former owner.
        if (previous !== undefined) this.#enqueueOwner(previous);
      }),
      store.watch('nodes', {}, () => this.#enqueueAll()),
    );
    this.#enqueueAll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stopWatch of this.#stopWatches.splice(0)) stopWatch();
    for (const timer of this.#timers.values()) timer.stop();
    await this.#working;
  }

  #enqueueAll(): void {
    for (const { metadata } of this.#deps.store.list('daemonsets').items)
      this.#enqueue(keyOf(metadata.namespace, metadata.name));
  }

  #enqueueOwner(object: StoredObject): void {
    const owners = object.metadata.ownerReferences ?? [];
    // An orphan may be one that a set selects.
    if (owners.length === 0) this.#enqueueAll();
    for (const owner of owners) {
      if (owner.kind === 'DaemonSet') this.#enqueue(keyOf(object.metadata.namespace, owner.name));
    }
  }

  #enqueue(key: string): void {
    if (this.#stopped) return;
    this.#dirty.add(key);
    this.#working ??= Promise.resolve().then(() => this.#work());
  }

  #enqueueAfter(key: string, delayMs: number): void {
    this.#timers.get(key)?.stop();
    const timer = this.#deps.clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.#enqueue(key);
    });
    this.#timers.set(key, timer);
  }

  async #work(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#stopped) {
      const [key = ''] = this.#dirty;
      this.#dirty.delete(key);
      await this.#attempt(key);
    }
    this.#working = undefined;
  }

  async #attempt(key: string): Promise<void> {
    try {
      const againMs = await this.#reconciler.reconcile(this.#find(key));
      this.#failures.delete(key);
      if (againMs !== undefined) this.#enqueueAfter(key, againMs);
    } catch (err) {
      if (isStatusError(err, 'NotFound') && this.#find(key) === undefined) return;
      this.#deps.log.warn({ err, daemonSet: key }, 'DaemonSet not reconciled, trying again');
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.#enqueueAfter(key, Math.min(lastRetryMs, firstRetryMs * 2 ** failures));
    }
  }

  #find(key: string): StoredDaemonSet | undefined {
    const [namespace = '', name = ''] = key.split('/');
    return this.#deps.store.get<StoredDaemonSet>('daemonsets', namespace, name);
  }
}

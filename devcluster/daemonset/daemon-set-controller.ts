import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import type { Node } from '../launcher/node.js';
import { keyOf, type StoredObject } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { revisionLabel, type StoredDaemonSet, type DaemonSetStatus } from './daemon-set.js';
import { claimPods } from './claim.js';
import { newDaemonPod } from './daemon-pod.js';
import { planDaemonSet, type DaemonSetPlan } from './plan.js';
import { createRevisions } from './revisions.js';

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

// After a write that the store refused; the next change of an object may come sooner.
const retryMs = 500;

/** Controller of every DaemonSet of the dev cluster. */
export function createDaemonSetController(deps: DaemonSetControllerDeps): DaemonSetController {
  const { store, clock, log, recorder } = deps;
  const revisions = createRevisions(store);
  const dirty = new Set<string>();
  const timers = new Map<string, Timer>();
  const stopWatches: (() => void)[] = [];
  let working: Promise<void> | undefined;
  let stopped = true;

  const find = (key: string): StoredDaemonSet | undefined => {
    const [namespace = '', name = ''] = key.split('/');
    return store.get<StoredDaemonSet>('daemonsets', namespace, name);
  };

  const create = async (set: StoredDaemonSet, nodeName: string, hash: string): Promise<void> => {
    const pod = await store.create('pods', newDaemonPod({ set, nodeName, hash }));
    recorder.record(set, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${pod.metadata.name}` });
    const bound = `Successfully assigned ${keyOf(pod.metadata.namespace, pod.metadata.name)} to ${nodeName}`;
    recorder.record(pod, { type: 'Normal', reason: 'Scheduled', message: bound });
  };

  const remove = async (set: StoredDaemonSet, { pod, why }: DaemonSetPlan['remove'][number]): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    if (why === 'ended') {
      const message = `Found failed daemon pod ${keyOf(namespace, name)} on node ${pod.spec.nodeName ?? ''}, will try to kill it`;
      recorder.record(set, { type: 'Warning', reason: 'FailedDaemonPod', message });
    }
    const options = uid === undefined ? {} : { uid };
    try {
      await store.delete('pods', namespace, name, options);
      recorder.record(set, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` });
    } catch (error) {
      if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error;
    }
  };

  const writeStatus = async (set: StoredDaemonSet, status: DaemonSetStatus): Promise<void> => {
    const key = { ns: set.metadata.namespace, name: set.metadata.name };
    await store.mutate<StoredDaemonSet>(
      'daemonsets',
      key,
      (stored) => {
        if (stored.metadata.uid === set.metadata.uid) stored.status = status;
      },
      { subresource: 'status' },
    );
  };

  const reconcile = async (key: string): Promise<void> => {
    const set = find(key);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const revision = await revisions.current(set);
    const hash = revision.metadata.labels?.[revisionLabel] ?? '';
    const nodes = store.list<Node>('nodes').items;
    const view = { set, nodes, hash, nowMs: clock.date().getTime() };
    const plan = planDaemonSet({ ...view, pods: await claimPods(store, set) });
    for (const entry of plan.remove) await remove(set, entry);
    for (const nodeName of plan.create) await create(set, nodeName, hash);
    const pods = await claimPods(store, set);
    const after = planDaemonSet({ ...view, pods });
    await writeStatus(set, after.status);
    await revisions.prune(set, new Set(pods.map((pod) => pod.metadata.labels?.[revisionLabel] ?? '')));
    if (after.againMs !== undefined) again(key, after.againMs);
  };

  const again = (key: string, delayMs: number): void => {
    timers.get(key)?.stop();
    const timer = clock.after(delayMs, () => {
      timers.delete(key);
      enqueue(key);
    });
    timers.set(key, timer);
  };

  const attempt = async (key: string): Promise<void> => {
    try {
      await reconcile(key);
    } catch (err) {
      if (isStatusError(err, 'NotFound') && find(key) === undefined) return;
      log.warn({ err, daemonSet: key }, 'DaemonSet not reconciled, trying again');
      again(key, retryMs);
    }
  };

  const work = async (): Promise<void> => {
    while (dirty.size > 0 && !stopped) {
      const [key = ''] = dirty;
      dirty.delete(key);
      await attempt(key);
    }
    working = undefined;
  };

  const enqueue = (key: string): void => {
    if (stopped) return;
    dirty.add(key);
    working ??= Promise.resolve().then(work);
  };

  const enqueueAll = (): void => {
    for (const { metadata } of store.list('daemonsets').items) enqueue(keyOf(metadata.namespace, metadata.name));
  };

  const enqueueOwner = (object: StoredObject): void => {
    const owners = object.metadata.ownerReferences ?? [];
    // An orphan may be one that a set selects.
    if (owners.length === 0) enqueueAll();
    for (const owner of owners) {
      if (owner.kind === 'DaemonSet') enqueue(keyOf(object.metadata.namespace, owner.name));
    }
  };

  return {
    start: () => {
      stopped = false;
      stopWatches.push(
        store.watch('daemonsets', {}, ({ object }) => enqueue(keyOf(object.metadata.namespace, object.metadata.name))),
        store.watch('pods', {}, ({ object, previous }) => {
          enqueueOwner(object);
          // A pod that was relabelled or orphaned leaves a free place at its former owner.
          if (previous !== undefined) enqueueOwner(previous);
        }),
        store.watch('nodes', {}, enqueueAll),
      );
      enqueueAll();
    },
    stop: async () => {
      stopped = true;
      for (const stopWatch of stopWatches.splice(0)) stopWatch();
      for (const timer of timers.values()) timer.stop();
      await working;
    },
  };
}

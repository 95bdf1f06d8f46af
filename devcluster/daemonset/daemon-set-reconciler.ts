import { messageOf } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import type { Node } from '../launcher/node.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import { keyOf } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { claimPods } from './claim.js';
import { newDaemonPod } from './daemon-pod.js';
import { revisionLabel, type DaemonSetStatus, type StoredDaemonSet } from './daemon-set.js';
import { planDaemonSet, type DaemonSetPlan } from './plan.js';
import { createRevisions, type Revisions } from './revisions.js';

/** What a reconciler needs. */
export interface DaemonSetReconcilerDeps {
  readonly store: ObjectStore;
  readonly recorder: ClusterEventRecorder;
  readonly clock: Clock;
}

/** Makes and removes the pods of DaemonSets as the plan for each says, and writes down what there is then. */
export class DaemonSetReconciler {
  readonly #deps: DaemonSetReconcilerDeps;
  readonly #revisions: Revisions;

  constructor(deps: DaemonSetReconcilerDeps) {
    this.#deps = deps;
    this.#revisions = createRevisions(deps.store);
  }

  /**
   * Brings one DaemonSet to what its spec says; does nothing for one that is gone or going.
   * @returns when to look again although nothing changed, in milliseconds.
   * @throws the error of the store where that refuses a write; what else is to be done has been done, trying again is safe.
   */
  async reconcile(set: StoredDaemonSet | undefined): Promise<number | undefined> {
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
    const { store, clock } = this.#deps;
    const revision = await this.#revisions.current(set);
    const hash = revision.metadata.labels?.[revisionLabel] ?? '';
    const nodes = store.list<Node>('nodes').items;
    const view = { set, nodes, hash, nowMs: clock.date().getTime() };
    const plan = planDaemonSet({ ...view, pods: await claimPods(store, set) });
    for (const entry of plan.remove) await this.#remove(set, entry);
    const refusals: unknown[] = [];
    for (const nodeName of plan.create) {
      await this.#create(set, nodeName, hash).catch((error: unknown) => refusals.push(error));
    }
    const pods = await claimPods(store, set);
    const after = planDaemonSet({ ...view, pods });
    await this.#writeStatus(set, after.status);
    await this.#revisions.prune(set, new Set(pods.map((pod) => pod.metadata.labels?.[revisionLabel] ?? '')));
    if (refusals.length > 0) throw refusals[0];
    return after.againMs;
  }

  async #remove(set: StoredDaemonSet, { pod, why }: DaemonSetPlan['remove'][number]): Promise<void> {
    const { store, recorder } = this.#deps;
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
  }

  async #create(set: StoredDaemonSet, nodeName: string, hash: string): Promise<void> {
    const { store, recorder } = this.#deps;
    const pod = await store.create('pods', newDaemonPod({ set, nodeName, hash })).catch((error: unknown) => {
      const message = `Error creating: ${messageOf(error)}`;
      recorder.record(set, { type: 'Warning', reason: 'FailedCreate', message });
      throw error;
    });
    recorder.record(set, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${pod.metadata.name}` });
  }

  async #writeStatus(set: StoredDaemonSet, status: DaemonSetStatus): Promise<void> {
    const key = { ns: set.metadata.namespace, name: set.metadata.name };
    const change = (stored: StoredDaemonSet): void => {
      if (stored.metadata.uid === set.metadata.uid) stored.status = status;
    };
    await this.#deps.store.mutate<StoredDaemonSet>('daemonsets', key, change, { subresource: 'status' });
  }
}

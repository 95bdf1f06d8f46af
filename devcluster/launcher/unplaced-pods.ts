import { type Clock, timestamp } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import { isTerminal, podCondition, type StoredPod, type PodCondition } from './pod.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';

/** What {@link reportUnplacedPods} needs. */
export interface UnplacedPodsDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: ClusterEventRecorder;
}

const usualScheduler = 'default-scheduler';

/** Why a pod has no node, as a scheduler puts it. */
function reason(store: ObjectStore): string {
  const nodes = store.list('nodes').items.map(({ metadata }) => metadata.name);
  return `0/${nodes.length} nodes are available: the dev cluster has no scheduler. Name one in spec.nodeName: ${nodes.join(', ')}.`;
}

/**
 * Says of each pod without a node why it stays Pending: in an event and a condition, as a scheduler that finds none.
 * @returns a function that ends it.
 */
export function reportUnplacedPods({ store, clock, log, recorder }: UnplacedPodsDeps): () => void {
  const fieldSelector = 'spec.nodeName=';
  const mark = async (pod: StoredPod, message: string): Promise<void> => {
    const lastTransitionTime = timestamp(clock.date());
    const condition: PodCondition = {
      ...{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' },
      ...{ message, lastProbeTime: null, lastTransitionTime },
    };
    const { namespace: ns, name, uid } = pod.metadata;
    const change = (stored: StoredPod): void => {
      if (stored.metadata.uid !== uid || (stored.spec.nodeName ?? '') !== '') return;
      const others = (stored.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
      stored.status = { ...stored.status, conditions: [...others, condition] };
    };
    await store.mutate<StoredPod>('pods', { ns, name }, change, { subresource: 'status' });
  };
  const look = (pod: StoredPod): void => {
    if (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return;
    // Of another scheduler's pods it says nothing, as the usual one does.
    if ((pod.spec.schedulerName ?? usualScheduler) !== usualScheduler) return;
    if (podCondition(pod, 'PodScheduled') !== undefined) return;
    const message = reason(store);
    recorder.record(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    mark(pod, message).catch((err: unknown) => {
      if (!isStatusError(err)) log.error({ err }, 'Pod without a node not marked');
    });
  };
  const { items, resourceVersion } = store.list<StoredPod>('pods', { fieldSelector });
  for (const pod of items) look(pod);
  return store.watch<StoredPod>('pods', { fieldSelector, fromResourceVersion: resourceVersion }, ({ type, object }) => {
    if (type === 'ADDED') look(object);
  });
}

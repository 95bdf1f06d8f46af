import { nodeNameOf } from '#common/daemon-placement.js';
import { type Clock, timestamp } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { Node } from '../launcher/node.js';
import { isTerminal, podCondition, type StoredPod, type PodCondition } from '../launcher/pod.js';
import type { ClusterEventRecorder } from '../store/event-recorder.js';
import { keyOf } from '../store/kube-object.js';
import type { ObjectStore } from '../store/object-store.js';
import { isStatusError } from '../store/status-error.js';
import { lackingOn } from './node-room.js';

/** What {@link startScheduler} needs. */
export interface SchedulerDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: ClusterEventRecorder;
}

/** What becomes of a pod without a node. */
type Placement = { readonly nodeName: string } | { readonly why: string };

const usualScheduler = 'default-scheduler';
const withoutNode = 'spec.nodeName=';

/**
 * Gives pods that name their node in their affinity, as those of DaemonSets do, that node once it has room for them. Of all
 * others, and while there is no room, it says why they stay Pending: in an event and a condition, as a real scheduler does.
 * @returns a function that ends it.
 */
export function startScheduler(deps: SchedulerDeps): () => void {
  const scheduler = new Scheduler(deps);
  scheduler.lookAtAll();
  const { store } = deps;
  const stops = [
    store.watch<StoredPod>('pods', {}, ({ type, object }) => {
      const isPlaced = (object.spec.nodeName ?? '') !== '';
      // The place of one that is over may be what another one waits for.
      if (isPlaced && (type === 'DELETED' || isTerminal(object))) scheduler.lookAtAll();
      if (!isPlaced && type === 'ADDED') scheduler.look(object);
    }),
    store.watch('nodes', {}, () => scheduler.lookAtAll()),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

class Scheduler {
  readonly #deps: SchedulerDeps;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  lookAtAll(): void {
    const { items } = this.#deps.store.list<StoredPod>('pods', { fieldSelector: withoutNode });
    for (const pod of items) this.look(pod);
  }

  look(pod: StoredPod): void {
    if (isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return;
    // Of another scheduler's pods it says nothing, as the usual one does.
    if ((pod.spec.schedulerName ?? usualScheduler) !== usualScheduler) return;
    const placement = this.#placementOf(pod);
    if ('nodeName' in placement) this.#bind(pod, placement.nodeName);
    else if (podCondition(pod, 'PodScheduled')?.message !== placement.why) this.#leave(pod, placement.why);
  }

  #placementOf(pod: StoredPod): Placement {
    const { store } = this.#deps;
    const nodes = store.list<Node>('nodes').items;
    const name = nodeNameOf(pod);
    const node = nodes.find(({ metadata }) => metadata.name === name);
    const none = `0/${nodes.length} nodes are available:`;
    if (name === undefined) {
      const names = nodes.map(({ metadata }) => metadata.name).join(', ');
      return { why: `${none} the dev cluster places no such pods. Name one in spec.nodeName: ${names}.` };
    }
    const absent = nodes.length - Number(node !== undefined);
    const others = absent === 0 ? [] : [`${absent} node(s) didn't satisfy plugin(s) [NodeAffinity]`];
    if (node === undefined) return { why: `${none} ${others.join('')}.` };
    const onNode = store.list<StoredPod>('pods', { fieldSelector: `spec.nodeName=${name}` }).items;
    const lacking = lackingOn(
      node,
      pod.spec,
      onNode.filter((other) => !isTerminal(other)),
    );
    if (lacking.length === 0) return { nodeName: name };
    const reasons = [...lacking.map((what) => `1 ${what}`), ...others].sort();
    const unhelpful = absent === 0 ? '' : `, ${absent} Preemption is not helpful for scheduling`;
    const preemption = `preemption: ${none} 1 No preemption victims found for incoming pod${unhelpful}.`;
    return { why: `${none} ${reasons.join(', ')}. ${preemption}` };
  }

  #bind(pod: StoredPod, nodeName: string): void {
    const message = `Successfully assigned ${keyOf(pod.metadata.namespace, pod.metadata.name)} to ${nodeName}`;
    this.#write(pod, (stored) => {
      stored.spec = { ...stored.spec, nodeName };
    });
    this.#deps.recorder.record(pod, { type: 'Normal', reason: 'Scheduled', message });
  }

  #leave(pod: StoredPod, message: string): void {
    const lastTransitionTime = timestamp(this.#deps.clock.date());
    const condition: PodCondition = {
      ...{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' },
      ...{ message, lastProbeTime: null, lastTransitionTime },
    };
    this.#deps.recorder.record(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const change = (stored: StoredPod): void => {
      const conditions = stored.status?.conditions ?? [];
      const before = conditions.find(({ type }) => type === condition.type)?.lastTransitionTime;
      const next = { ...condition, lastTransitionTime: before ?? lastTransitionTime };
      stored.status = { ...stored.status, conditions: [...conditions.filter(({ type }) => type !== next.type), next] };
    };
    this.#write(pod, change, { subresource: 'status' });
  }

  /** Changes a pod that still has no node. It is seen at once: whoever is looked at next is looked at with it. */
  #write(pod: StoredPod, change: (stored: StoredPod) => void, options: { subresource?: 'status' } = {}): void {
    const { store, log } = this.#deps;
    const { namespace: ns, name, uid } = pod.metadata;
    const guarded = (stored: StoredPod): void => {
      if (stored.metadata.uid === uid && (stored.spec.nodeName ?? '') === '') change(stored);
    };
    store.mutate<StoredPod>('pods', { ns, name }, guarded, options).catch((err: unknown) => {
      if (!isStatusError(err)) log.error({ err }, 'Pod not placed');
    });
  }
}

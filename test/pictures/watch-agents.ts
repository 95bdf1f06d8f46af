import type { Clock } from '#common/time/clock.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';
import { restartNamespace, type RestartObject } from '#test/support/restarts.js';
import type { TestCluster } from '#test/support/test-cluster.js';
import type { StateChange } from './lane-bars.js';

/** What becomes of one node's agent. */
export interface AgentChange extends StateChange {
  readonly node: string;
  /** True when a pod has gone; its successor may be there by then. */
  readonly isGone: boolean;
  /** The change as an operator would tell it. */
  readonly words: string;
}

/** Tells every change of the agents' pods, and every step of restarts, once. @returns a function that stops it */
export function watchAgents(test: TestCluster, clock: Clock, tell: (change: AgentChange) => void): () => void {
  const told = new Set<string>();
  // The newest pod of each node: what its predecessor does is not the state of the node's agent any more.
  const newest = new Map<string, { readonly pod: string; state: string | undefined }>();
  const say = (pod: string, change: { node: string; state: string | undefined; words: string }): void => {
    const key = `${pod} ${change.state ?? 'gone'}`;
    if (told.has(key)) return;
    told.add(key);
    const known = newest.get(change.node);
    if (change.state === 'starting' || known === undefined) newest.set(change.node, { pod, state: change.state });
    else if (known.pod === pod) known.state = change.state;
    const { state } = newest.get(change.node) ?? change;
    tell({ atMs: clock.nowMs(), node: change.node, state, isGone: change.state === undefined, words: change.words });
  };
  const { store } = test.cluster;
  const takePod = (pod: StoredPod, isGone: boolean): void => {
    const { deletionTimestamp, name } = pod.metadata;
    const node = pod.spec.nodeName;
    if (node === undefined || !name.startsWith('panelet-agent')) return;
    if (isGone) say(name, { node, state: undefined, words: `pod ${name} is gone` });
    else if (deletionTimestamp !== undefined)
      say(name, { node, state: 'terminating', words: `pod ${name} is being deleted` });
    else if (podCondition(pod, 'Ready')?.status === 'True')
      say(name, { node, state: 'Ready', words: `pod ${name} is Ready` });
    else say(name, { node, state: 'starting', words: `pod ${name} starts` });
  };
  for (const pod of store.list<StoredPod>('pods', { ns: restartNamespace }).items) takePod(pod, false);
  const stopPods = store.watch<StoredPod>('pods', { ns: restartNamespace }, ({ object, type }) => {
    takePod(object, type === 'DELETED');
  });
  const stopRestarts = store.watch<RestartObject>('panelrestarts', { ns: restartNamespace }, ({ object }) => {
    for (const { node = '', pod, step } of object.status?.active ?? []) {
      if (!['Cordoned', 'Draining', 'Drained'].includes(step)) continue;
      say(pod, { node, state: step, words: `agent is ${step.toLowerCase()}` });
    }
  });
  return () => {
    stopPods();
    stopRestarts();
  };
}

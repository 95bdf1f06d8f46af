import type { DaemonSet, Pod } from '../kube/objects.js';
import { claimOf } from './annotations.js';
import { isTerminating, uidOf } from './pod-facts.js';
import { isFinished, type PanelRestart } from './types.js';

/** Another target whose pods share their nodes' gates with this one's. */
export interface Neighbour {
  readonly target: DaemonSet;
  readonly pods: readonly Pod[];
  readonly restarts: readonly PanelRestart[];
}

/**
 * Nodes on which a neighbour is being restarted, with the name of that restart. A gate has one cordon to tell of at a
 * time, and an agent that goes takes the receipts of its host along: so one after the other.
 */
export function busyNodesOf(neighbours: readonly Neighbour[]): ReadonlyMap<string, string> {
  const busy = new Map<string, string>();
  for (const { pods, restarts } of neighbours) {
    for (const restart of restarts) {
      const claimed = pods.filter((pod) => claimOf(pod)?.restart === uidOf(restart) && !isTerminating(pod));
      const active = isFinished(restart) ? [] : (restart.status?.active ?? []);
      for (const node of [...claimed.map((pod) => pod.spec?.nodeName), ...active.map((entry) => entry.node)]) {
        if (node !== undefined) busy.set(node, restart.metadata.name);
      }
    }
  }
  return busy;
}

import type { ControllerRevision, DaemonSet } from '#kube/objects.js';
import { rolloutErrorAnnotation, rolloutObservedAnnotation } from '../api/annotations.js';
import { isTerminating, uidOf } from '../facts/pods.js';
import type { TargetPods } from '../facts/target-pods.js';
import { newestRevisionOf, revisionText, rolloutOf, stalePods } from '../facts/revisions.js';
import { isManaged } from '../request/rollout-request.js';
import { compareAge } from './precedence.js';
import { isFinished, type PanelRestart } from '../api/panel-restart.js';

/** Another target whose pods share their nodes' gates with this one's. */
export interface Neighbour {
  readonly target: DaemonSet;
  readonly pods: TargetPods;
  readonly restarts: readonly PanelRestart[];
  /** Its templates, where its rollouts go first: those of agents, before anything is done to the hosts they answer for. */
  readonly revisions?: readonly ControllerRevision[];
}

/**
 * Nodes on which a neighbour is being restarted, with the name of that restart. A gate has one cordon to tell of at a
 * time, and an agent that goes takes the receipts of its host along: so one after the other. Where an agent is still to be
 * rolled out that counts as well: one of the release before may not know its host's new template.
 */
export function busyNodesOf(neighbours: readonly Neighbour[]): ReadonlyMap<string, string> {
  const busy = new Map<string, string>();
  for (const neighbour of neighbours) {
    const { pods, restarts } = neighbour;
    for (const [node, name] of nodesBeforeRollout(neighbour)) busy.set(node, name);
    for (const restart of restarts) {
      const claimed = pods.claimedBy(uidOf(restart)).filter((pod) => !isTerminating(pod));
      const active = isFinished(restart) ? [] : (restart.status?.active ?? []);
      for (const node of [...claimed.map((pod) => pod.spec?.nodeName), ...active.map((entry) => entry.node)]) {
        if (node !== undefined) busy.set(node, restart.metadata.name);
      }
    }
  }
  return busy;
}

/**
 * What a rollout of hosts waits for on every node, in a sentence: the rollout of their agents, one that has failed too. What
 * came of a release on the first node decides about the others, and costs no shell if it does not run.
 */
export function rolloutAhead(neighbours: readonly Neighbour[]): string | undefined {
  for (const { target, pods, restarts, revisions = [] } of neighbours) {
    const newest = newestRevisionOf(revisions);
    if (newest === undefined || !isManaged(target)) continue;
    const own = restarts.filter((restart) => rolloutOf(restart)?.hash === newest.hash);
    const open = own.find((restart) => !isFinished(restart) && restart.spec.paused !== true);
    if (open !== undefined) return `Waits until ${open.metadata.name} is done: agents go first.`;
    const last = own.toSorted(compareAge).at(-1);
    if (last?.status?.phase !== 'Failed') continue;
    const isUnready = pods.notReady().some((pod) => !isTerminating(pod));
    if (!isUnready && stalePods(pods.all, revisions, newest).length === 0) continue;
    return `Waits because ${last.metadata.name} failed: the agents of this release do not all run. Put the template right or undo it (helm rollback).`;
  }
  return undefined;
}

// Nothing while its rollout is paused, cannot be made, or is over, however it ended: then nobody waits for it.
function nodesBeforeRollout({
  target,
  pods,
  restarts,
  revisions = [],
}: Neighbour): readonly (readonly [string, string])[] {
  const newest = newestRevisionOf(revisions);
  if (newest === undefined || !isManaged(target)) return [];
  const { annotations = {} } = target.metadata;
  const isTakenUp = annotations[rolloutObservedAnnotation] === revisionText(newest);
  const rollout = restarts.find(
    (restart) => !isFinished(restart) && restart.spec.paused !== true && rolloutOf(restart)?.hash === newest.hash,
  );
  if (rollout === undefined && (isTakenUp || annotations[rolloutErrorAnnotation] !== undefined)) return [];
  const name = rollout?.metadata.name ?? `the rollout of ${target.metadata.name}`;
  return stalePods(pods.all, revisions, newest).flatMap(({ spec }) =>
    spec?.nodeName === undefined ? [] : [[spec.nodeName, name] as const],
  );
}

import type { Log } from '#common/log.js';
import { Target, type GateStatus } from '#proto/gate/v1/gate.js';
import { isUncordoned, type NodeWorker } from '../workers/node-worker.js';
import type { Cordons } from './cordons.js';
import { liveWorkers, workersOf, type NodeWorkers } from './node-workers.js';

/** What noticing needs. */
export interface LiftedCordonsDeps {
  readonly nodeWorkers: NodeWorkers;
  readonly cordons: Cordons;
  readonly log: Log;
}

/**
 * Forgets a cordon that somebody else has lifted. The agents of a node share the workers of its hosts: what one of them has cordoned, another one
 * may uncordon. An agent that went on to remember it would cordon workers again that come up or that it connects to anew. It is lifted once a worker that
 * had it serves, and no worker has it any more. Returns what ends the watch.
 */
export function watchLiftedCordons({ nodeWorkers, cordons, log }: LiftedCordonsDeps): () => void {
  /** Restarts that have cordoned workers, by the instance of the worker, as they were seen last. */
  let seen = new Map<string, string>();
  const targets = [Target.AGENT, Target.HOST] as const;
  return nodeWorkers.changes.subscribe(() => {
    for (const target of targets) {
      const uid = cordons.get(target)?.restartUid;
      const own = statusesOf(workersOf(nodeWorkers, target));
      const isHeld = own.some((status) => !isUncordoned(status) && status.restartUid === uid);
      const wasHeld = own.some((status) => isUncordoned(status) && seen.get(status.instance) === uid);
      if (uid === undefined || isHeld || !wasHeld) continue;
      cordons.clear(target);
      log.info({ restartUid: uid, target }, 'Somebody else has uncordoned the gate');
    }
    const cordoned = statusesOf(nodeWorkers.workers()).filter((status) => !isUncordoned(status));
    seen = new Map(cordoned.map(({ instance, restartUid }) => [instance, restartUid]));
  });
}

function statusesOf(workers: readonly NodeWorker[]): readonly GateStatus[] {
  return liveWorkers(workers).map(({ view }) => view.status);
}

import type { Claim, SurgeStage } from '../api/annotations.js';
import { uidOf } from '../facts/pods.js';
import type { Snapshot } from './snapshot.js';

/**
 * A claim of a restart that is written now.
 * @param forMs how long the stage may take, in milliseconds
 * @param surge of a pod that is, or was, taken out of its DaemonSet. @default an ordinary pod
 */
export function newClaim({ restart, now, fencing }: Snapshot, forMs: number, surge?: SurgeStage): Claim {
  return {
    restart: uidOf(restart),
    deadline: new Date(now.getTime() + forMs).toISOString(),
    fencing,
    generation: restart.metadata.generation ?? 0,
    ...(surge === undefined ? {} : { surge }),
  };
}

import type { Clock } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import { State, Target, type CordonRequest, type GateStatus } from '#proto/gate/v1/gate.js';
import { isRetirement, isUncordoned } from '../workers/node-worker.js';
import type { WorkerAdmission } from '../workers/create-node-worker.js';
import { commandTo } from './command-to.js';
import type { Cordons } from './cordons.js';
import type { PodCordons } from './pod-cordons.js';
import type { Fencing } from './fencing.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { callTimeoutMs, cordonWorker, uncordonWorker } from './worker-calls.js';

/** How the restart uid of a drain begins that an agent does because it is told to end. */
export const shutdownPrefix = 'shutdown-';

/** Lease of a cordon that does not say. */
export const defaultLeaseMs = 60_000;

/** What admitting workers needs. */
export interface WorkerAdmissionDeps {
  readonly cordons: Cordons;
  readonly podCordons: PodCordons;
  readonly fencing: Fencing;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is in force, for workers that come up in the middle of it. */
export function createWorkerAdmission({
  cordons,
  podCordons,
  fencing,
  clock,
  log,
}: WorkerAdmissionDeps): WorkerAdmission {
  return {
    mayStart: (target) => cordons.get(target) === undefined,
    prepare: async ({ target, podUid }, clients, status) => {
      if (status.fencing > fencing.highest()) {
        const known = { of: status.fencing, here: fencing.highest() };
        log.info(known, 'A worker knows of a later leader than its agent; that holds up nobody');
      }
      // What is said of one pod's hosts is about no other's.
      const ofPod = target === Target.HOST && podUid !== '' ? podCordons.of(podUid) : undefined;
      const inForce = cordons.get(target) ?? ofPod?.get(target);
      if (inForce === undefined && status.restartUid.startsWith(shutdownPrefix)) {
        return reopen(clients, { status, target, clock });
      }
      if (inForce === undefined) {
        learnCordon(ofPod ?? cordons, target, { status, clock });
        return status;
      }
      if (!isUncordoned(status)) return status;
      const { restartUid, generation, reason } = inForce;
      const request: CordonRequest = {
        command: commandTo(status, { restartUid, generation, fencing: fencing.highest() }),
        lease: msToDuration(inForce.untilMs - clock.nowMs()),
        ...{ reason, target },
      };
      const answer = await cordonWorker(clients, request, { clock, timeoutMs: callTimeoutMs });
      return answer.status ?? status;
    },
  };
}

interface Left {
  readonly status: GateStatus;
  readonly target: Target;
  readonly clock: Clock;
}

// An agent drains the workers that go with it when it is told to end. Those of a pod outlive an agent that ends alone: without
// this, they would refuse everybody until the lease of that drain runs out. One that is ending itself refuses, rightly.
async function reopen(clients: WorkerClients, { status, target, clock }: Left): Promise<GateStatus> {
  const command = { restartUid: status.restartUid, fencing: status.fencing, generation: 0 };
  try {
    const request = { command, target, anyRestart: true };
    const answer = await uncordonWorker(clients, request, { clock, timeoutMs: callTimeoutMs });
    return answer.status ?? status;
  } catch {
    return status;
  }
}

// An agent that finds cordoned workers takes their cordon over, before it admits anyone.
function learnCordon(cordons: Cordons, target: Target, found: { status: GateStatus; clock: Clock }): void {
  const { status, clock } = found;
  if (status.state === State.SERVING || status.restartUid === '' || isRetirement(status)) return;
  cordons.set(target, {
    restartUid: status.restartUid,
    generation: 0,
    reason: '',
    untilMs: clock.nowMs() + durationToMs(status.leaseRemaining, defaultLeaseMs),
    draining: status.state !== State.CORDONED,
  });
}

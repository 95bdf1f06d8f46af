import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { PaneletError } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import { Target, type RetireRequest, type RetireResponse } from '#proto/gate/v1/gate.js';
import { callWorker } from '../workers/call-worker.js';
import { commandTo } from './command-to.js';
import { liveWorkers, settleWorkers, unanswered, untilSeen, type NodeWorkers } from './node-workers.js';
import { callAll, callTimeoutMs, settleMs } from './worker-calls.js';

/** What retiring a pod's hosts needs. */
export interface RetirePodDeps {
  readonly clock: Clock;
  /** Of the pod alone. */
  readonly nodeWorkers: NodeWorkers;
}

const seenWithinMs = 1_000;

/**
 * Has every host of a pod retire. What has answered stays retired also where another one does not answer: the call is made again.
 * @throws PaneletError WORKER_UNAVAILABLE that names the panel of one that does not answer or is not running, as it could not remember it;
 * VERSION_UNSUPPORTED for a worker that knows of no retiring; a worker's ServiceError
 */
export async function retirePod({ clock, nodeWorkers }: RetirePodDeps, request: RetireRequest): Promise<void> {
  const live = await settleWorkers(nodeWorkers, Target.HOST, { clock, limitMs: settleMs });
  const missing = nodeWorkers.workers().find((worker) => !live.some((one) => one.worker === worker));
  if (missing !== undefined) throw unanswered(missing.panel.name);
  const bounds = { clock, timeoutMs: callTimeoutMs };
  const [quiet] = await callAll(live, ({ clients, view }) => {
    const own = { ...request, command: commandTo(view.status, request.command) };
    return callWorker<RetireResponse>((...rest) => clients.gate.retire(own, ...rest), bounds);
  }).catch((error: unknown) => {
    if ((error as Partial<ServiceError>).code !== grpcStatus.UNIMPLEMENTED) throw error;
    throw new PaneletError('VERSION_UNSUPPORTED', 'A worker of this pod knows of no retiring. Drain it instead.');
  });
  if (quiet !== undefined) throw unanswered(quiet.worker.panel.name);
  const isSeen = (): boolean => liveWorkers(nodeWorkers.workers()).every(({ view }) => view.status.retiring);
  await untilSeen(nodeWorkers, isSeen, { clock, limitMs: seenWithinMs });
}

import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { linkSignals } from '#common/time/deadline.js';
import type { Log } from '#common/log.js';
import type {
  Command,
  CordonRequest,
  CordonResponse,
  DrainRequest,
  GetReceiptResponse,
  Receipt,
  Target,
  UncordonRequest,
  UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { callWorker, type WorkerCallBounds } from '../workers/call-worker.js';
import { viewWorker, type NodeWorker } from '../workers/node-worker.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import type { CommandTime } from './command-time.js';
import { commandTo } from './command-to.js';
import { drainWorker } from './drain.js';
import { settleWorkers, unanswered, workersOf, untilSeen, type LiveWorker, type NodeWorkers } from './node-workers.js';

/** Longest time for a worker to answer one command, in milliseconds. */
export const callTimeoutMs = 5_000;

/** Time for workers that are starting to be up or absent for certain. */
export const settleMs = 5_000;

// Kept of a command's time for undoing what it has begun.
const undoMs = 2_000;

/** Cordons one worker. */
export function cordonWorker(
  clients: WorkerClients,
  request: CordonRequest,
  bounds: Pick<WorkerCallBounds, 'clock' | 'timeoutMs'>,
): Promise<CordonResponse> {
  return callWorker<CordonResponse>((...rest) => clients.gate.cordon(request, ...rest), bounds);
}

/** Uncordons one worker. */
export function uncordonWorker(
  clients: WorkerClients,
  request: UncordonRequest,
  bounds: Pick<WorkerCallBounds, 'clock' | 'timeoutMs'>,
): Promise<UncordonResponse> {
  return callWorker<UncordonResponse>((...rest) => clients.gate.uncordon(request, ...rest), bounds);
}

/**
 * A worker's receipt; undefined when it has none for that restart.
 * @throws PaneletError WORKER_UNAVAILABLE that names the panel, when it does not answer; its ServiceError.
 */
export async function readReceipt(worker: LiveWorker, restartUid: string, clock: Clock): Promise<Receipt | undefined> {
  const { gate } = worker.clients;
  try {
    const answer = await callWorker<GetReceiptResponse>((...rest) => gate.getReceipt({ restartUid }, ...rest), {
      clock,
      timeoutMs: callTimeoutMs,
    });
    return answer.receipt;
  } catch (error) {
    if ((error as ServiceError).code === grpcStatus.NOT_FOUND) return undefined;
    throw namedError(worker, error);
  }
}

/** A cordon of all workers of a target. */
export interface CordonWorkers {
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeWorkers: NodeWorkers;
  readonly target: Target;
  readonly request: CordonRequest;
  readonly command: Command;
  readonly time: CommandTime;
}

/**
 * Cordons every worker of the target, or none: when one refuses or does not answer, those that this call has cordoned
 * serve again; those that the same restart had cordoned before stay so.
 * @throws the first error of a worker that refuses; PaneletError WORKER_UNAVAILABLE that names the panel, when one stays
 * unknown or does not answer.
 */
export async function cordonWorkers(options: CordonWorkers): Promise<void> {
  const { clock, nodeWorkers, target, request, time } = options;
  const live = await settleWorkers(nodeWorkers, target, { clock, limitMs: time.share(settleMs, undoMs) });
  const timeoutMs = time.share(callTimeoutMs, undoMs);
  const calls = live.map(({ clients, view }) =>
    cordonWorker(clients, { ...request, command: commandTo(view.status, request.command) }, { clock, timeoutMs }),
  );
  const results = await Promise.allSettled(calls);
  const failed = results.findIndex((result) => result.status === 'rejected');
  const [worker, result] = [live[failed], results[failed]];
  if (worker === undefined || result?.status !== 'rejected') return;
  const lost = live.filter((_, index) => isLost(results[index]));
  const waitMs = time.share(settleMs, undoMs);
  if (lost.length > 0 && waitMs > 0 && (await areGone(nodeWorkers, lost, { clock, limitMs: waitMs }))) {
    return cordonWorkers(options);
  }
  await undo(
    options,
    live.filter((_, index) => results[index]?.status === 'fulfilled'),
  );
  throw namedError(worker, result.reason);
}

async function undo({ clock, log, target, command, time }: CordonWorkers, done: readonly LiveWorker[]): Promise<void> {
  const taken = done.filter(({ view }) => view.status.restartUid !== command.restartUid);
  const timeoutMs = time.share(callTimeoutMs);
  const undone = await Promise.allSettled(
    taken.map(({ clients, view }) => {
      const request = { command: commandTo(view.status, command), target, anyRestart: false };
      return uncordonWorker(clients, request, { clock, timeoutMs });
    }),
  );
  for (const [index, result] of undone.entries()) {
    if (result.status === 'fulfilled') continue;
    const panel = taken[index]?.worker.panel.name;
    log.warn({ err: result.reason as Error, panel }, 'A cordon could not be undone; its lease ends it');
  }
}

function isLost(result: PromiseSettledResult<unknown> | undefined): boolean {
  return result?.status === 'rejected' && (result.reason as Partial<ServiceError>).code === grpcStatus.UNAVAILABLE;
}

// A worker that died under the call is not one that refuses: once its link has noticed, what is left can be cordoned.
async function areGone(
  nodeWorkers: NodeWorkers,
  lost: readonly LiveWorker[],
  bounds: { readonly clock: Clock; readonly limitMs: number },
): Promise<boolean> {
  const gone = (): boolean =>
    lost.every(({ worker, clients }) => {
      const view = viewWorker(worker);
      return view.kind !== 'up' || view.clients !== clients;
    });
  await untilSeen(nodeWorkers, gone, bounds);
  return gone();
}

/** A drain of all workers of a target. */
export interface DrainWorkers {
  readonly nodeWorkers: NodeWorkers;
  readonly target: Target;
  readonly request: DrainRequest;
  /** The request as a worker is sent it now. */
  readonly requestFor: (target: Target, request: DrainRequest) => DrainRequest;
  readonly signal: AbortSignal;
  /** Called when something changed. */
  readonly emit: () => void;
}

/**
 * Drains every worker of the target at the same time. Resolves with their receipts once each
 * worker has given one or is absent, or with `cancelled` as soon as one serves again.
 */
export async function drainWorkers(options: DrainWorkers): Promise<readonly Receipt[] | 'cancelled'> {
  const { nodeWorkers, target, request, requestFor, emit } = options;
  const stop = new AbortController();
  const { signal, unlink } = linkSignals([stop.signal, options.signal]);
  const receipts = new Map<NodeWorker, Receipt>();
  // A worker's answer and its watch come in any order: whatever comes last tells the state as it is.
  const unsubscribe = nodeWorkers.changes.subscribe(emit);
  const drainOne = async (worker: NodeWorker): Promise<void> => {
    const own = requestFor(target, request);
    const outcome = await drainWorker({ worker, request: own, changes: nodeWorkers.changes, signal, onStatus: emit });
    if (outcome.kind === 'cancelled') throw new DrainCancelled();
    if (outcome.kind === 'receipt') receipts.set(worker, outcome.receipt);
    else receipts.delete(worker);
  };
  const open = (): readonly NodeWorker[] =>
    workersOf(nodeWorkers, target).filter((worker) => !receipts.has(worker) && viewWorker(worker).kind !== 'absent');
  emit();
  try {
    // A worker that came up meanwhile is drained too, before anything is called complete.
    for (let left = open(); left.length > 0; left = open()) await Promise.all(left.map(drainOne));
    return [...receipts.values()];
  } catch (error) {
    if (error instanceof DrainCancelled) return 'cancelled';
    throw error;
  } finally {
    unsubscribe();
    stop.abort(new Error('ended'));
    unlink();
  }
}

class DrainCancelled extends Error {}

/**
 * Calls every worker; resolves once all have answered or have had their time, with those that did not answer.
 * @throws the first error of one that refused.
 */
export async function callAll<T>(
  live: readonly LiveWorker[],
  call: (worker: LiveWorker) => Promise<T>,
): Promise<readonly LiveWorker[]> {
  const results = await Promise.allSettled(live.map(call));
  const isSilent = (index: number): boolean => {
    const result = results[index];
    return result?.status === 'rejected' && isUnanswered(result.reason);
  };
  const refused = results.find((result, index) => result.status === 'rejected' && !isSilent(index));
  if (refused?.status === 'rejected') throw refused.reason;
  return live.filter((_, index) => isSilent(index));
}

function isUnanswered(error: unknown): boolean {
  const { code } = error as Partial<ServiceError>;
  return code === grpcStatus.DEADLINE_EXCEEDED || code === grpcStatus.UNAVAILABLE;
}

// A worker's own refusal goes out as it came; its silence has to be given a name.
function namedError({ worker }: LiveWorker, error: unknown): Error {
  return isUnanswered(error) ? unanswered(worker.panel.name, error) : (error as Error);
}

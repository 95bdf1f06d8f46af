import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#common/clock.js';
import { linkSignals } from '#common/deadline.js';
import type { Log } from '#common/log.js';
import {
  NoticeEnd,
  type Command,
  type CordonRequest,
  type CordonResponse,
  type DrainRequest,
  type GateStatus,
  type GetReceiptResponse,
  type Receipt,
  type Target,
  type UncordonRequest,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { unary } from '../unary.js';
import { viewUnit } from '../workers/unit.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { drainUnit } from './drain.js';
import { settleMembers, unitsOf, untilSeen, type LiveMember, type Members } from './members.js';
import { endNoticesTogether, sharesNotices } from './notices.js';

const callTimeoutMs = 5_000;

/** Time for workers that are starting to be up or absent for certain. */
export const settleMs = 5_000;

/** Cordons one worker. */
export function cordonMember(clients: WorkerClients, request: CordonRequest, clock: Clock): Promise<CordonResponse> {
  return unary<CordonResponse>((...rest) => clients.gate.cordon(request, ...rest), { clock, timeoutMs: callTimeoutMs });
}

/** Uncordons one worker. */
export function uncordonMember(
  clients: WorkerClients,
  request: UncordonRequest,
  clock: Clock,
): Promise<UncordonResponse> {
  return unary<UncordonResponse>((...rest) => clients.gate.uncordon(request, ...rest), {
    clock,
    timeoutMs: callTimeoutMs,
  });
}

/** A worker's receipt; undefined when it has none for that restart. */
export async function readReceipt(
  clients: WorkerClients,
  restartUid: string,
  clock: Clock,
): Promise<Receipt | undefined> {
  try {
    const answer = await unary<GetReceiptResponse>((...rest) => clients.gate.getReceipt({ restartUid }, ...rest), {
      clock,
      timeoutMs: callTimeoutMs,
    });
    return answer.receipt;
  } catch (error) {
    if ((error as ServiceError).code === grpcStatus.NOT_FOUND) return undefined;
    throw error;
  }
}

/** A cordon of all workers of a target. */
export interface CordonMembers {
  readonly clock: Clock;
  readonly log: Log;
  readonly members: Members;
  readonly target: Target;
  readonly request: CordonRequest;
  readonly command: Command;
}

/**
 * Cordons every worker of the target, or none: when one refuses or does not answer, those that this call has cordoned
 * serve again; those that the same restart had cordoned before stay so.
 * @throws the first error of a worker; WORKER_UNAVAILABLE when one stays unknown.
 */
export async function cordonMembers(options: CordonMembers): Promise<void> {
  const { clock, members, target, request, command } = options;
  const live = await settleMembers(members, target, { clock, limitMs: settleMs });
  const results = await Promise.allSettled(live.map(({ clients }) => cordonMember(clients, request, clock)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  const lost = live.filter((_, index) => isLost(results[index]));
  if (lost.length > 0 && (await areGone(members, lost, clock))) return cordonMembers(options);
  const taken = live.filter(
    (member, index) => results[index]?.status === 'fulfilled' && isFree(member.view.status, command),
  );
  const undone = await Promise.allSettled(
    taken.map(({ clients }) => uncordonMember(clients, { command, target, anyRestart: false }, clock)),
  );
  for (const [index, result] of undone.entries()) {
    if (result.status === 'fulfilled') continue;
    const panel = taken[index]?.unit.panel.name;
    options.log.warn({ err: result.reason as Error, panel }, 'A cordon could not be undone; its lease ends it');
  }
  throw failed.reason;
}

function isLost(result: PromiseSettledResult<unknown> | undefined): boolean {
  return result?.status === 'rejected' && (result.reason as Partial<ServiceError>).code === grpcStatus.UNAVAILABLE;
}

// A worker that died under the call is not one that refuses: once its link has noticed, what is left can be cordoned.
async function areGone(members: Members, lost: readonly LiveMember[], clock: Clock): Promise<boolean> {
  const gone = (): boolean =>
    lost.every(({ unit, clients }) => {
      const view = viewUnit(unit);
      return view.kind !== 'up' || view.clients !== clients;
    });
  await untilSeen(members, gone, { clock, limitMs: settleMs });
  return gone();
}

function isFree(status: GateStatus, command: Command): boolean {
  return status.restartUid !== command.restartUid;
}

/** A drain of all workers of a target. */
export interface DrainMembers {
  readonly log: Log;
  readonly members: Members;
  readonly target: Target;
  readonly request: DrainRequest;
  readonly signal: AbortSignal;
  /** Called when something changed. */
  readonly emit: () => void;
}

/**
 * Drains every worker of the target at the same time; all are frozen together. Resolves with their receipts once each
 * worker has given one or is absent, or with `cancelled` as soon as one serves again.
 */
export async function drainMembers(options: DrainMembers): Promise<readonly Receipt[] | 'cancelled'> {
  const { members, target, request, emit } = options;
  const stop = new AbortController();
  const { signal, unlink } = linkSignals([stop.signal, options.signal]);
  const receipts = new Map<string, Receipt>();
  // A worker's answer and its watch come in any order: whatever comes last tells the state as it is.
  const unsubscribe = members.changes.subscribe(emit);
  let isHeld = sharesNotices(members, target, request);
  const drainOne = async (panel: string): Promise<void> => {
    const unit = unitsOf(members, target).find((candidate) => candidate.panel.name === panel);
    if (unit === undefined) return;
    const own = isHeld ? { ...request, noticeEnd: NoticeEnd.HELD } : request;
    const outcome = await drainUnit({ unit, request: own, changes: members.changes, signal, onStatus: emit });
    if (outcome.kind === 'cancelled') throw new DrainCancelled();
    if (outcome.kind === 'receipt') receipts.set(panel, outcome.receipt);
    else receipts.delete(panel);
  };
  const open = (): readonly string[] =>
    unitsOf(members, target)
      .filter((unit) => !receipts.has(unit.panel.name) && viewUnit(unit).kind !== 'absent')
      .map((unit) => unit.panel.name);
  const release = async (): Promise<void> => {
    await endNoticesTogether({ ...options, signal });
    isHeld = false;
  };
  emit();
  // It ends with the drain at the latest.
  if (isHeld) release().catch(() => undefined);
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

/** Calls every member; rejects with the first error once all have answered. */
export async function callAll<T>(live: readonly LiveMember[], call: (member: LiveMember) => Promise<T>): Promise<void> {
  const results = await Promise.allSettled(live.map(call));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

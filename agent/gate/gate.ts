import type { Clock } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import {
  NoticeEnd,
  State,
  Target,
  type Command,
  type CordonRequest,
  type CordonResponse,
  type DrainRequest,
  type DrainResponse,
  type GateStatus,
  type GetReceiptResponse,
  type Receipt,
  type UncordonRequest,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { asError } from '#common/changes.js';
import { workerStatus, viewWorker } from '../workers/node-worker.js';
import {
  aggregateState,
  collectHolders,
  knownStatuses,
  longestDeadline,
  noticesMayEnd,
  restartOf,
  shortestLease,
  sumCounts,
  type AggregatedWorker,
} from './aggregate.js';
import { defaultLeaseMs } from './admission.js';
import type { Cordons } from './cordons.js';
import type { CommandSender, Fencing } from './fencing.js';
import { commandMs, createCommandTime } from './command-time.js';
import { commandTo } from './command-to.js';
import {
  callAll,
  callTimeoutMs,
  cordonWorkers,
  drainWorkers,
  readReceipt,
  settleMs,
  uncordonWorker,
} from './worker-calls.js';
import { liveWorkers, settleWorkers, unanswered, workersOf, untilSeen, type NodeWorkers } from './node-workers.js';
import { sumReceipts } from './receipt.js';
import { createTurns, type Turns } from './turns.js';

/** Longest wait for the commands before: one of them may take all of its time. */
const turnMs = commandMs + 2_000;
/** A worker's watch follows its answer within this, or the answer shows what was known before. */
const seenWithinMs = 1_000;

/** Who the agent is. */
export interface GateNames {
  readonly instance: string;
  readonly node: string;
  readonly podUid: string;
  readonly version: string;
}

/** What the gate needs. */
export interface AgentGateDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly names: GateNames;
  readonly nodeWorkers: NodeWorkers;
  readonly cordons: Cordons;
  readonly fencing: Fencing;
  /** True when the configuration changed in a way that only a restart takes up. */
  readonly restartRequired: () => boolean;
}

/** A request whose command was judged. */
interface Judged {
  readonly command: Command;
}

/** Who follows a drain. */
export interface DrainWatcher {
  readonly emit: (response: DrainResponse) => void;
  /** Nobody follows any more; the drain stays under way. */
  readonly signal: AbortSignal;
}

/** The node's gate: the sum over its workers. */
export interface AgentGate {
  cordon(request: CordonRequest, sender: CommandSender): Promise<CordonResponse>;
  uncordon(request: UncordonRequest, sender: CommandSender): Promise<UncordonResponse>;
  /** Emits each state; resolves after the last. */
  drain(request: DrainRequest, sender: CommandSender, watcher: DrainWatcher): Promise<void>;
  receipt(restartUid: string): Promise<GetReceiptResponse>;
  /** Of the target that was cordoned last, else of the agent's. */
  status(target?: Target): GateStatus;
}

/** The node's gate over its nodeWorkers. */
export function createAgentGate(deps: AgentGateDeps): AgentGate {
  const { nodeWorkers, cordons, fencing, clock } = deps;
  const given = new Map<string, Receipt>();
  // Each target for itself: a worker that never answers holds up nobody of the other one.
  const agentTurn = createTurns(clock, turnMs);
  const hostTurn = createTurns(clock, turnMs);
  const turnOf = (target: Target): Turns => (target === Target.HOST ? hostTurn : agentTurn);
  const views = (target: Target): readonly AggregatedWorker[] => workersOf(nodeWorkers, target).map(viewWorker);
  const holder = (target: Target): string | undefined => {
    const seen = views(target);
    return restartOf(seen) ?? (knownStatuses(seen).length === 0 ? cordons.get(target)?.restartUid : undefined);
  };
  const seenWithin = { clock, limitMs: seenWithinMs };
  const liveStates = (target: Target): State[] =>
    liveWorkers(workersOf(nodeWorkers, target)).map(({ view }) => view.status.state);
  const kept = (target: Target): number =>
    sumSessions(
      nodeWorkers
        .workers()
        .filter((worker) => !workersOf(nodeWorkers, target).includes(worker))
        .map(viewWorker),
    );

  const status = (asked?: Target): GateStatus => {
    const target = asked ?? cordons.latest() ?? Target.AGENT;
    const seen = views(target);
    const cordon = cordons.get(target);
    const idle = cordon === undefined ? State.SERVING : cordon.draining ? State.CLOSED : State.CORDONED;
    const counts = sumCounts(knownStatuses(seen).map((known) => known.counts));
    const state = aggregateState(seen, idle);
    const elsewhere = state === State.SERVING ? 0 : kept(target);
    return {
      state,
      restartUid: state === State.SERVING ? '' : (holder(target) ?? ''),
      instance: deps.names.instance,
      sessions: sumSessions(nodeWorkers.workers().map(viewWorker)),
      counts: { ...counts, kept: counts.kept + elsewhere },
      holders: collectHolders(seen),
      leaseRemaining:
        shortestLease(seen) ?? (cordon === undefined ? undefined : msToDuration(cordon.untilMs - clock.nowMs())),
      deadlineRemaining: longestDeadline(seen),
      fencing: fencing.highest(),
      workers: nodeWorkers.workers().map(workerStatus),
      node: deps.names.node,
      restartRequired: deps.restartRequired(),
      version: deps.names.version,
      podUid: deps.names.podUid,
      noticeMayEnd: state === State.NOTIFIED && noticesMayEnd(seen),
    };
  };

  const remember = (
    target: Target,
    command: Command,
    seen: { leaseMs: number; reason: string; draining: boolean },
  ): void => {
    const draining = seen.draining || (cordons.get(target)?.draining ?? false);
    const untilMs = clock.nowMs() + seen.leaseMs;
    const { restartUid, generation } = command;
    cordons.set(target, { restartUid, generation, reason: seen.reason, untilMs, draining });
  };
  const forget = (target: Target): void => {
    cordons.clear(target);
    nodeWorkers.changes.notify();
  };
  const judged = async <R extends { readonly command?: Command | undefined }>(
    request: R,
    sender: CommandSender,
  ): Promise<R & Judged> => ({ ...request, command: await fencing.check(request.command, sender) });
  const refuseOther = (target: Target, command: Command): void => {
    const other = holder(target);
    if (other === undefined || other === command.restartUid) return;
    throw new PaneletError(
      'GATE_REFUSED',
      `The restart ${other} has cordoned this gate. Uncordon it first, or wait for its lease.`,
    );
  };
  const cordonAll = async (target: Target, request: CordonRequest & Judged, draining: boolean): Promise<void> => {
    const { command } = request;
    refuseOther(target, command);
    const before = cordons.get(target);
    const leaseMs = durationToMs(request.lease, defaultLeaseMs);
    // First the memory, so that no worker starts in between.
    remember(target, command, { leaseMs, reason: request.reason, draining });
    const time = createCommandTime(clock);
    const asked = { ...request, target, lease: msToDuration(leaseMs) };
    try {
      await cordonWorkers({ ...deps, target, request: asked, command, time });
    } catch (error) {
      if (before === undefined) forget(target);
      else cordons.set(target, before);
      throw error;
    }
    deps.log.info({ restartUid: command.restartUid, target: request.target }, 'Gate cordoned');
  };
  const requireDrain = (target: Target, { command: { restartUid } }: Judged): void => {
    const cordon = cordons.get(target);
    if (cordon?.restartUid === restartUid && cordon.draining) return;
    throw new PaneletError('GATE_REFUSED', `The restart ${restartUid} has no drain under way here.`);
  };
  const uncordonAll = async (target: Target, request: UncordonRequest): Promise<void> => {
    const restartUid = holder(target);
    if (restartUid !== undefined && !request.anyRestart && restartUid !== request.command?.restartUid) {
      throw new PaneletError('GATE_REFUSED', `The restart ${restartUid} has cordoned this gate; only it may uncordon.`);
    }
    const time = createCommandTime(clock);
    let silent: Error | undefined;
    const settled = settleWorkers(nodeWorkers, target, { clock, limitMs: time.share(settleMs) });
    await settled.catch((error: unknown) => (silent = asError(error)));
    const bounds = { clock, timeoutMs: time.share(callTimeoutMs) };
    const [quiet] = await callAll(liveWorkers(workersOf(nodeWorkers, target)), ({ clients, view }) =>
      uncordonWorker(clients, { ...request, command: commandTo(view.status, request.command), target }, bounds),
    );
    // Also when one did not answer: its own lease uncordons it, and nobody else waits for that.
    forget(target);
    deps.log.info({ restartUid, target }, 'Gate uncordoned');
    if (quiet !== undefined) silent ??= unanswered(quiet.worker.panel.name);
    if (silent !== undefined) throw silent;
  };

  return {
    status,
    cordon: (request, sender) => {
      const target = targetIn(request.target);
      return turnOf(target)(async () => {
        await cordonAll(target, await judged(request, sender), false);
        await untilSeen(nodeWorkers, () => liveStates(target).every((state) => state !== State.SERVING), seenWithin);
        return { status: status(target) };
      });
    },
    uncordon: (request, sender) => {
      const target = targetIn(request.target);
      return turnOf(target)(async () => {
        await uncordonAll(target, request.anyRestart ? request : await judged(request, sender));
        await untilSeen(nodeWorkers, () => liveStates(target).every((state) => state === State.SERVING), seenWithin);
        return { status: status(target) };
      });
    },
    drain: async (asked, sender, { emit, signal }) => {
      const target = targetIn(asked.target);
      const isPart = asked.noticeEnd === NoticeEnd.NOW;
      const begin = async (): Promise<DrainRequest & Judged> => {
        const request = await judged({ ...asked, target }, sender);
        if (isPart) requireDrain(target, request);
        else await cordonAll(target, request, true);
        return request;
      };
      const request = await (isPart ? begin() : turnOf(target)(begin));
      const ended = await drainWorkers({
        ...{ nodeWorkers, log: deps.log },
        target,
        request,
        signal,
        emit: onNews(
          () => status(target),
          (now) => emit({ status: now, receipt: undefined }),
        ),
      });
      const { restartUid } = request.command;
      if (ended === 'cancelled') {
        await turnOf(target)(() => uncordonAll(target, { command: request.command, target, anyRestart: false })).catch(
          (error: unknown) => {
            deps.log.warn({ err: error }, 'After a cancelled drain, not every worker could be uncordoned');
          },
        );
        emit({ status: { ...status(target), state: State.SERVING, restartUid: '' }, receipt: undefined });
        return;
      }
      const receipt = giveReceipt(restartUid, target, ended);
      emit({ status: { ...status(target), state: State.CLOSED, restartUid }, receipt });
    },
    receipt: async (restartUid) => {
      // At the same time, and first the target that this restart has cordoned: the other one may not answer.
      const asked = [Target.AGENT, Target.HOST]
        .sort((a, b) => Number(holder(b) === restartUid) - Number(holder(a) === restartUid))
        .map((target) => ({ target, workers: workerReceipts(restartUid, target) }));
      for (const { workers } of asked) workers.catch(() => undefined);
      let silent: Error | undefined;
      for (const { target, workers } of asked) {
        const receipts = await workers.catch((error: unknown) => void (silent ??= asError(error)));
        if (receipts !== undefined) return { receipt: giveReceipt(restartUid, target, receipts) };
      }
      if (silent !== undefined) throw silent;
      throw new PaneletError(
        'RECEIPT_MISSING',
        `There is no receipt for the restart "${restartUid}": not drained, or serving again.`,
      );
    },
  };

  function giveReceipt(restartUid: string, target: Target, workers: readonly Receipt[]): Receipt {
    const key = `${target}/${restartUid}`;
    // What others kept is as of the moment of the drain: it changes while the receipt is read again.
    const before = given.get(key);
    const keptNow = kept(target);
    const make = (keptThen: number): Receipt =>
      sumReceipts({ restartUid, instance: deps.names.instance, target, workers, kept: keptThen });
    const same = before === undefined ? undefined : make((before.counts?.kept ?? 0) - keptOfWorkers(workers));
    if (before !== undefined && same?.digest === before.digest) return before;
    const receipt = make(keptNow);
    given.delete(key);
    given.set(key, receipt);
    if (given.size > 64) given.delete([...given.keys()][0] ?? '');
    return receipt;
  }

  // Undefined when the target's workers are not all drained by that restart.
  async function workerReceipts(restartUid: string, target: Target): Promise<readonly Receipt[] | undefined> {
    const cordon = cordons.get(target);
    const live = await settleWorkers(nodeWorkers, target, { clock, limitMs: settleMs });
    if (live.length === 0) return cordon?.restartUid === restartUid && cordon.draining ? [] : undefined;
    const receipts = await Promise.all(live.map((worker) => readReceipt(worker, restartUid, clock)));
    const given = receipts.filter((receipt) => receipt !== undefined);
    return given.length === receipts.length ? given : undefined;
  }
}

function keptOfWorkers(workers: readonly Receipt[]): number {
  return sumCounts(workers.map((receipt) => receipt.counts)).kept;
}

function targetIn(target: Target): Target {
  return target === Target.HOST ? Target.HOST : Target.AGENT;
}

function sumSessions(views: readonly AggregatedWorker[]): number {
  return knownStatuses(views).reduce((sum, known) => sum + known.sessions, 0);
}

/** Tells a status only when something in it is new besides the time. */
function onNews(look: () => GateStatus, tell: (status: GateStatus) => void): () => void {
  let told = '';
  return () => {
    const now = look();
    const news = JSON.stringify({ ...now, leaseRemaining: 0, deadlineRemaining: 0, holders: now.holders.length });
    if (news === told) return;
    told = news;
    tell(now);
  };
}

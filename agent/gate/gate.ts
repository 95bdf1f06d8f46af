import { asError, PaneletError } from '#common/errors/errors.js';
import { GateNews } from '#common/grpc/gate-news.js';
import type { Log } from '#common/log.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
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
  type UncordonRequest,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { defaultLeaseMs } from './admission.js';
import { commandMs, createCommandTime } from './command-time.js';
import { commandTo } from './command-to.js';
import { isUncordoned } from '../workers/node-worker.js';
import type { CommandSender } from './fencing.js';
import { GateReceipts } from './gate-receipts.js';
import { NodeGateView, type GateViewDeps } from './gate-view.js';
import { liveWorkers, settleWorkers, unanswered, untilSeen, workersOf } from './node-workers.js';
import { SharedNotices } from './notices.js';
import { recallRetiring } from './recall.js';
import { createTurns, type Turns } from './turns.js';
import { callAll, callTimeoutMs, cordonWorkers, drainWorkers, settleMs, uncordonWorker } from './worker-calls.js';

/** Longest wait for the commands before: one of them may take all of its time. */
const turnMs = commandMs + 2_000;
/** A worker's watch follows its answer within this, or the answer shows what was known before. */
const seenWithinMs = 1_000;

/** What the gate needs. */
export interface AgentGateDeps extends GateViewDeps {
  readonly log: Log;
  /** Pod whose hosts alone it stands for; all workers of the node where it is not set. */
  readonly podUid?: string;
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
  return new SummedGate(deps);
}

class SummedGate implements AgentGate {
  readonly #deps: AgentGateDeps;
  readonly #view: NodeGateView;
  readonly #receipts: GateReceipts;
  readonly #notices: SharedNotices;
  // Each target for itself: a worker that never answers holds up nobody of the other one.
  readonly #agentTurn: Turns;
  readonly #hostTurn: Turns;

  constructor(deps: AgentGateDeps) {
    this.#deps = deps;
    this.#view = new NodeGateView(deps);
    this.#receipts = new GateReceipts({ ...deps, view: this.#view, instance: deps.names.instance });
    this.#notices = new SharedNotices(deps);
    this.#agentTurn = createTurns(deps.clock, turnMs);
    this.#hostTurn = createTurns(deps.clock, turnMs);
  }

  status(target?: Target): GateStatus {
    return this.#view.status(target);
  }

  async receipt(restartUid: string): Promise<GetReceiptResponse> {
    return { receipt: await this.#receipts.read(restartUid) };
  }

  cordon(request: CordonRequest, sender: CommandSender): Promise<CordonResponse> {
    const target = targetIn(request.target);
    return this.#turnOf(target)(async () => {
      await this.#cordonAll(target, await this.#judge(request, sender), false);
      await this.#untilSeen(target, (status) => !isUncordoned(status));
      return { status: this.status(target) };
    });
  }

  uncordon(request: UncordonRequest, sender: CommandSender): Promise<UncordonResponse> {
    const target = targetIn(request.target);
    return this.#turnOf(target)(async () => {
      await this.#uncordonAll(target, request.anyRestart ? request : await this.#judge(request, sender));
      await this.#untilSeen(target, isUncordoned);
      return { status: this.status(target) };
    });
  }

  async drain(asked: DrainRequest, sender: CommandSender, { emit, signal }: DrainWatcher): Promise<void> {
    const target = targetIn(asked.target);
    // What a restart of the agent kills is the agent itself, besides its workers.
    const leavingAgent = target === Target.AGENT ? this.#deps.names.instance : undefined;
    const request = await this.#beginDrain({ ...asked, target, leavingAgent }, sender);
    const { restartUid } = request.command;
    const { nodeWorkers } = this.#deps;
    const requestFor = (of: Target, asking: DrainRequest): DrainRequest => this.#notices.requestFor(of, asking);
    this.#notices.begin(target, request);
    const emitNews = onNews(
      () => this.status(target),
      (status) => emit({ status, receipt: undefined }),
    );
    const ended = await drainWorkers({ nodeWorkers, target, request, requestFor, signal, emit: emitNews });
    if (ended === 'cancelled') {
      await this.#uncordonCancelled(target, request.command);
      emit({ status: { ...this.status(target), state: State.SERVING, restartUid: '' }, receipt: undefined });
      return;
    }
    const receipt = this.#receipts.give(restartUid, target, ended);
    emit({ status: { ...this.status(target), state: State.CLOSED, restartUid }, receipt });
  }

  #turnOf(target: Target): Turns {
    return target === Target.HOST ? this.#hostTurn : this.#agentTurn;
  }

  async #judge<R extends { readonly command?: Command | undefined }>(
    request: R,
    sender: CommandSender,
  ): Promise<R & Judged> {
    return { ...request, command: await this.#deps.fencing.check(request.command, sender) };
  }

  /** Cordons for a drain; one that ends the notices of a drain under way changes no cordon and waits for no turn. */
  async #beginDrain(asked: DrainRequest, sender: CommandSender): Promise<DrainRequest & Judged> {
    if (asked.noticeEnd === NoticeEnd.NOW) {
      const request = await this.#judge(asked, sender);
      this.#requireDrain(asked.target, request.command);
      return request;
    }
    return this.#turnOf(asked.target)(async () => {
      const request = await this.#judge(asked, sender);
      await this.#cordonAll(asked.target, request, true);
      return request;
    });
  }

  async #uncordonCancelled(target: Target, command: Command): Promise<void> {
    const request = { command, target, anyRestart: false };
    try {
      await this.#turnOf(target)(() => this.#uncordonAll(target, request));
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'After a cancelled drain, not every worker could be uncordoned');
    }
  }

  async #cordonAll(target: Target, request: CordonRequest & Judged, draining: boolean): Promise<void> {
    const { clock, cordons, log } = this.#deps;
    const { command } = request;
    this.#refuseOther(target, command);
    const before = cordons.get(target);
    const leaseMs = durationToMs(request.lease, defaultLeaseMs);
    // First the memory, so that no worker starts in between.
    cordons.set(target, {
      restartUid: command.restartUid,
      generation: command.generation,
      reason: request.reason,
      untilMs: clock.nowMs() + leaseMs,
      draining: draining || (before?.draining ?? false),
    });
    const time = createCommandTime(clock);
    const asked = { ...request, target, lease: msToDuration(leaseMs) };
    try {
      await recallRetiring({ ...this.#deps, target, command, timeoutMs: time.share(callTimeoutMs) });
      await cordonWorkers({ ...this.#deps, target, request: asked, command, time });
    } catch (error) {
      if (before === undefined) this.#forget(target);
      else cordons.set(target, before);
      throw error;
    }
    log.info({ restartUid: command.restartUid, target: request.target }, 'Gate cordoned');
  }

  async #uncordonAll(target: Target, request: UncordonRequest): Promise<void> {
    const { clock, nodeWorkers, log } = this.#deps;
    const restartUid = this.#view.holder(target);
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
    this.#forget(target);
    log.info({ restartUid, target }, 'Gate uncordoned');
    if (quiet !== undefined) silent ??= unanswered(quiet.worker.panel.name);
    if (silent !== undefined) throw silent;
  }

  #forget(target: Target): void {
    this.#deps.cordons.clear(target);
    this.#deps.nodeWorkers.changes.notify();
  }

  #refuseOther(target: Target, { restartUid }: Command): void {
    const other = this.#view.holder(target);
    if (other === undefined || other === restartUid) return;
    throw new PaneletError(
      'GATE_REFUSED',
      `The restart ${other} has cordoned this gate. Uncordon it first, or wait for its lease.`,
    );
  }

  #requireDrain(target: Target, { restartUid }: Command): void {
    const cordon = this.#deps.cordons.get(target);
    if (cordon?.restartUid === restartUid && cordon.draining) return;
    // One that an agent before this one has begun, at the hosts of single pods.
    if (cordon === undefined && this.#view.holder(target) === restartUid) return;
    throw new PaneletError('GATE_REFUSED', `The restart ${restartUid} has no drain under way here.`);
  }

  /** Waits a moment until the watches show what every worker of the target has answered. */
  #untilSeen(target: Target, isExpected: (status: GateStatus) => boolean): Promise<void> {
    const { clock, nodeWorkers } = this.#deps;
    const isSeen = (): boolean => this.#view.liveStatuses(target).every(isExpected);
    return untilSeen(nodeWorkers, isSeen, { clock, limitMs: seenWithinMs });
  }
}

function targetIn(target: Target): Target {
  return target === Target.HOST ? Target.HOST : Target.AGENT;
}

/** Tells a status only when something in it is new besides the time. */
function onNews(look: () => GateStatus, tell: (status: GateStatus) => void): () => void {
  const news = new GateNews();
  return () => {
    const now = look();
    if (news.isNews(now)) tell(now);
  };
}

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { DrainPhase, SessionFate } from '#proto/session/v1/session.js';
import type {
  DescribeResponse,
  HandoffRequest,
  WatchRequest,
  WatchResponse,
  WorkerServiceServer,
} from '#proto/worker/v1/worker.js';
import type { Gate } from '../drain/gate.js';
import type { AttachHandler } from '../sessions/attach-handler.js';
import type { SessionRegistry } from '../sessions/session-registry.js';
import { newsOf } from './gate-service.js';
import { unary } from './unary-handler.js';

/** What the worker service needs. */
export interface WorkerServiceDeps {
  readonly description: DescribeResponse;
  readonly gate: Gate;
  readonly registry: SessionRegistry;
  readonly attach: Pick<AttachHandler, 'attachments' | 'attachmentsOf' | 'revoke'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the process after the answer. */
  readonly onShutdown: () => void;
}

/** WorkerService, and whether an agent is there. */
export interface WorkerService {
  readonly implementation: WorkerServiceServer;
  /** Agents that watch. */
  readonly watchers: () => number;
  /** Tells the last status and ends every watch. */
  close(): void;
}

/** Changes of a status are told together once in so many milliseconds. */
const newsMs = 20;

type Watch = ServerWritableStream<WatchRequest, WatchResponse>;

/** WorkerService of one worker. */
export function createWorkerService(deps: WorkerServiceDeps): WorkerService {
  const { log, registry } = deps;
  const watches = new WorkerWatches(deps);
  return {
    watchers: () => watches.count,
    close: () => watches.close(),
    implementation: {
      describe: unary(log, () => deps.description),
      watch: (call) => watches.add(call),
      handoff: unary(log, async (request) => ({ attachments: await handoff(deps, request) })),
      revoke: unary(log, ({ attachment, message }) => {
        if (deps.attach.revoke(attachment, message)) return {};
        throw new PaneletError('SESSION_UNKNOWN', 'There is no such attachment here (any more).');
      }),
      locate: unary(log, async ({ sessionId }) => ({ instance: await registry.locate(sessionId) })),
      shutdown: unary(log, ({ force }) => {
        if (!force) requireSafe(deps.gate.unsafe());
        deps.onShutdown();
        return {};
      }),
    },
  };
}

/** Lets the clients of an agent go on with another one; resolves with their number once their RPCs are over. */
async function handoff(deps: WorkerServiceDeps, request: HandoffRequest): Promise<number> {
  const { attach, registry } = deps;
  const { reason, retryAfter, agentInstance } = request;
  // An agent that names itself in no Attach means all.
  const meant = agentInstance === '' ? new Set(attach.attachments) : attach.attachmentsOf(agentInstance);
  const drain = {
    generation: deps.gate.state.drains,
    phase: DrainPhase.READY,
    remaining: undefined,
    reason,
    fate: SessionFate.KEPT,
    node: '',
    retryAfter: msToDuration(durationToMs(retryAfter, 0)),
  };
  const released = [...registry.live.values()].filter((driver) => driver.release(drain, meant));
  // An RPC that does not end is cut by its attachment, so this comes to an end.
  await Promise.all([...meant].map(({ over }) => over));
  return released.length;
}

function requireSafe(unsafe: number): void {
  if (unsafe === 0) return;
  const message = `${unsafe} sessions are neither checkpointed nor finished. Drain the worker first.`;
  throw new PaneletError('OPERATION_REFUSED', message);
}

/** The agents that watch the worker's status: each gets it at once, and then whenever it has changed. */
class WorkerWatches {
  readonly #gate: Gate;
  readonly #calls = new Set<Watch>();
  #told = '';
  #timer: Timer | undefined;

  constructor({ gate, clock }: WorkerServiceDeps) {
    this.#gate = gate;
    gate.listen(() => {
      if (this.#calls.size > 0) this.#timer ??= clock.after(newsMs, () => this.#tell());
    });
  }

  get count(): number {
    return this.#calls.size;
  }

  add(call: Watch): void {
    this.#calls.add(call);
    call.on('cancelled', () => this.#calls.delete(call));
    call.on('error', () => this.#calls.delete(call));
    call.write({ status: this.#gate.status() });
  }

  /** Tells the last status and ends every watch. */
  close(): void {
    this.#timer?.stop();
    this.#tell();
    for (const call of this.#calls) call.end();
    this.#calls.clear();
  }

  #tell(): void {
    this.#timer = undefined;
    const status = this.#gate.status();
    const news = newsOf(status);
    if (news === this.#told) return;
    this.#told = news;
    for (const call of this.#calls) call.write({ status });
  }
}

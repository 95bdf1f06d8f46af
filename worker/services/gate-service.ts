import type { ServerWritableStream } from '@grpc/grpc-js';
import { durationToMs } from '#common/time/duration.js';
import { timestampToMs } from '#common/time/timestamp.js';
import { PaneletError } from '#common/errors/errors.js';
import { GateNews } from '#common/grpc/gate-news.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { PacedCalls } from '#common/grpc/paced-calls.js';
import type { Log } from '#common/log.js';
import {
  NoticeEnd,
  OnTimeout,
  State,
  Target,
  type Command,
  type DrainRequest,
  type DrainResponse,
  type GateServiceServer,
} from '#proto/gate/v1/gate.js';
import type { Gate } from '../drain/gate.js';
import type { DrainEvent, Fence, DrainTimeoutPolicy } from '../drain/state.js';
import { unary } from './unary-handler.js';

/** What the gate service needs. */
export interface WorkerGateServiceDeps {
  readonly gate: Gate;
  readonly target: Target;
  readonly checkpointable: boolean;
  /** Those who watch it. */
  readonly watches: PacedCalls;
  readonly log: Log;
}

const defaults = { leaseMs: 60_000, noticeMs: 10_000, timeoutMs: 60_000 } as const;

function fenceOf(command: Command | undefined): Fence {
  const { restartUid = '', fencing = 0, generation = 0 } = command ?? {};
  return { restartUid, fencing, generation };
}

function policyOf(onTimeout: OnTimeout): DrainTimeoutPolicy {
  if (onTimeout === OnTimeout.FORCE) return 'force';
  return onTimeout === OnTimeout.WAIT ? 'wait' : 'abort';
}

function drainEventOf(request: DrainRequest): DrainEvent {
  const fence = fenceOf(request.command);
  if (request.noticeEnd === NoticeEnd.NOW) return { kind: 'end-notice', fence };
  return {
    kind: 'drain',
    fence,
    leaseMs: durationToMs(request.lease, defaults.leaseMs),
    reason: request.reason,
    noticeMs: durationToMs(request.notice, defaults.noticeMs),
    holdsNotice: request.noticeEnd === NoticeEnd.HELD,
    timeoutMs: durationToMs(request.timeout, defaults.timeoutMs),
    // Where sessions cannot be written down, nobody ends them by default (and the proto says so).
    onTimeout: policyOf(request.onTimeout),
    leavingAgent: request.leavingAgent,
  };
}

/** Streams the gate's states until the drain is complete or called off. */
function follow(
  deps: WorkerGateServiceDeps,
  call: ServerWritableStream<DrainRequest, DrainResponse>,
  begin: () => void,
): void {
  const { gate } = deps;
  const news = new GateNews();
  const look = (): void => {
    const { phase } = gate.state;
    // That it was called off, also of a worker that retires.
    const status = phase === 'SERVING' ? { ...gate.status(), state: State.SERVING } : gate.status();
    if (news.isNews(status)) call.write({ status, receipt: phase === 'CLOSED' ? gate.receipt : undefined });
    if (phase !== 'CLOSED' && phase !== 'SERVING') return;
    stop();
    call.end();
  };
  let stop = (): void => undefined;
  call.on('cancelled', () => stop());
  call.on('error', (err: Error) => deps.log.debug({ err }, 'A follower of a drain has left'));
  try {
    begin();
  } catch (error) {
    call.emit('error', statusOf(error));
    return;
  }
  stop = gate.listen(look);
  look();
}

/** GateService of one worker. */
export function createGateService(deps: WorkerGateServiceDeps): GateServiceServer {
  const { gate, watches, log } = deps;
  const requireTarget = (target: Target): void => {
    if (target === Target.UNSPECIFIED || target === deps.target) return;
    const own = deps.target === Target.HOST ? 'host' : 'agent';
    throw new PaneletError('GATE_REFUSED', `This worker is killed with the ${own}; the command is for another target.`);
  };
  return {
    cordon: unary(log, (request) => {
      requireTarget(request.target);
      const leaseMs = durationToMs(request.lease, defaults.leaseMs);
      gate.command({ kind: 'cordon', fence: fenceOf(request.command), leaseMs, reason: request.reason });
      return { status: gate.status() };
    }),
    uncordon: unary(log, async (request) => {
      requireTarget(request.target);
      gate.command({ kind: 'uncordon', fence: fenceOf(request.command), anyRestart: request.anyRestart });
      await gate.reopened();
      return { status: gate.status() };
    }),
    drain: (call) => {
      const { request } = call;
      follow(deps, call, () => {
        requireTarget(request.target);
        gate.command(drainEventOf(request));
      });
    },
    getReceipt: unary(log, ({ restartUid }) => {
      const { receipt } = gate;
      if (receipt?.restartUid !== restartUid) {
        throw new PaneletError('RECEIPT_MISSING', `There is no receipt of restart ${restartUid} here.`);
      }
      return { receipt };
    }),
    status: unary(log, () => ({ status: gate.status() })),
    watch: (call) => {
      const news = new GateNews();
      watches.add(call, () => news.next(gate.status()));
    },
    retire: unary(log, async ({ target, command, retireAt }) => {
      requireTarget(target);
      if (deps.target !== Target.HOST) throw new PaneletError('GATE_REFUSED', 'Only hosts retire.');
      await gate.retire(fenceOf(command), retireAt === undefined ? undefined : timestampToMs(retireAt));
      return { status: gate.status() };
    }),
  };
}

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { DrainPhase, SessionFate } from '#proto/session/v1/session.js';
import type { DescribeResponse, WatchRequest, WatchResponse, WorkerServiceServer } from '#proto/worker/v1/worker.js';
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
  readonly attach: Pick<AttachHandler, 'attachments' | 'revoke'>;
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
  const { gate, registry, clock, log } = deps;
  const watches = new Set<Watch>();
  let told = '';
  let timer: Timer | undefined;

  const tell = (): void => {
    timer = undefined;
    const status = gate.status();
    const news = newsOf(status);
    if (news === told) return;
    told = news;
    for (const call of watches) call.write({ status });
  };
  gate.listen(() => {
    if (watches.size > 0) timer ??= clock.after(newsMs, tell);
  });
  const watch = (call: Watch): void => {
    watches.add(call);
    call.on('cancelled', () => watches.delete(call));
    call.on('error', () => watches.delete(call));
    call.write({ status: gate.status() });
  };

  const handoff = async (reason: string, retryAfterMs: number): Promise<number> => {
    const drain = {
      generation: gate.state.drains,
      phase: DrainPhase.READY,
      remaining: undefined,
      reason,
      fate: SessionFate.KEPT,
      node: '',
      retryAfter: msToDuration(retryAfterMs),
    };
    const released = [...registry.live.values()].filter((driver) => driver.release(drain));
    // An RPC that does not end is cut by its attachment, so this comes to an end.
    await Promise.all([...deps.attach.attachments].map(({ over }) => over));
    return released.length;
  };

  return {
    watchers: () => watches.size,
    close: () => {
      timer?.stop();
      tell();
      for (const call of watches) call.end();
      watches.clear();
    },
    implementation: {
      describe: unary(log, () => deps.description),
      watch,
      handoff: unary(log, async ({ reason, retryAfter }) => ({
        attachments: await handoff(reason, durationToMs(retryAfter, 0)),
      })),
      revoke: unary(log, ({ attachment, message }) => {
        if (deps.attach.revoke(attachment, message)) return {};
        throw new PaneletError('SESSION_UNKNOWN', 'There is no such attachment here (any more).');
      }),
      shutdown: unary(log, ({ force }) => {
        const unsafe = gate.unsafe();
        if (unsafe > 0 && !force) {
          const message = `${unsafe} sessions are neither checkpointed nor finished. Drain the worker first.`;
          throw new PaneletError('OPERATION_REFUSED', message);
        }
        deps.onShutdown();
        return {};
      }),
    },
  };
}

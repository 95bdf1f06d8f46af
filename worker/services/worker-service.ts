import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { DescribeResponse, WorkerServiceServer } from '#proto/worker/v1/worker.js';
import type { Gate } from '../drain/gate.js';
import type { AttachHandler } from '../sessions/attach-handler.js';
import type { NodeAgents } from '../sessions/node-agents.js';
import type { SessionRegistry } from '../sessions/session-registry.js';
import { Handoff } from './handoff.js';
import { unary } from './unary-handler.js';
import type { WorkerWatches } from './worker-watches.js';

/** What the worker service needs. */
export interface WorkerServiceDeps {
  readonly description: DescribeResponse;
  readonly gate: Gate;
  readonly watches: WorkerWatches;
  readonly agents: NodeAgents;
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

/** WorkerService of one worker. */
export function createWorkerService(deps: WorkerServiceDeps): WorkerService {
  const { log, registry, watches } = deps;
  const handoff = new Handoff(deps);
  return {
    watchers: () => watches.count,
    close: () => watches.close(),
    implementation: {
      describe: unary(log, () => deps.description),
      watch: (call) => watches.add(call),
      handoff: unary(log, (request) => handoff.run(request)),
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

function requireSafe(unsafe: number): void {
  if (unsafe === 0) return;
  const message = `${unsafe} sessions are neither checkpointed nor finished. Drain the worker first.`;
  throw new PaneletError('OPERATION_REFUSED', message);
}

import type { Clock } from '#common/time/clock.js';
import { State, type Command, type Target } from '#proto/gate/v1/gate.js';
import { isRetirement, viewWorker } from '../workers/node-worker.js';
import { commandTo } from './command-to.js';
import { killedWith, liveWorkers, unanswered, untilSeen, type LiveWorker, type NodeWorkers } from './node-workers.js';
import { callAll, callTimeoutMs, uncordonWorker } from './worker-calls.js';

/** What taking workers back needs. */
export interface RecallOptions {
  readonly clock: Clock;
  readonly nodeWorkers: NodeWorkers;
  readonly target: Target;
  readonly command: Command;
  /** For each of the calls, and for what they change to be seen, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Calls the drains of workers off that retire because there is a newer one, so that a restart of the target drains them as all others. What
 * has been written down already needs no other drain.
 * @throws PaneletError WORKER_UNAVAILABLE that names the panel, when one does not answer; its ServiceError when it refuses
 */
export async function recallRetiring({ clock, nodeWorkers, target, command, timeoutMs }: RecallOptions): Promise<void> {
  const bounds = { clock, timeoutMs: Math.min(timeoutMs, callTimeoutMs) };
  const recalled = liveWorkers(killedWith(nodeWorkers, target)).filter(isRecalled);
  if (recalled.length === 0) return;
  const [quiet] = await callAll(recalled, ({ clients, view }) =>
    uncordonWorker(clients, { command: commandTo(view.status, command), target, anyRestart: true }, bounds),
  );
  if (quiet !== undefined) throw unanswered(quiet.worker.panel.name);
  const isBack = ({ worker }: LiveWorker): boolean => {
    const now = viewWorker(worker);
    return now.kind !== 'up' || now.status.state === State.SERVING;
  };
  await untilSeen(nodeWorkers, () => recalled.every(isBack), { clock, limitMs: bounds.timeoutMs });
}

function isRecalled({ worker, view: { status } }: LiveWorker): boolean {
  const isOver = status.state === State.RELEASED || status.state === State.CLOSED;
  return worker.stage === 'retiring' && isRetirement(status) && !isOver;
}

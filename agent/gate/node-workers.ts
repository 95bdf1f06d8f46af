import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Target } from '#proto/gate/v1/gate.js';
import type { Changes } from '#common/changes.js';
import { isRetirement, viewWorker, type NodeWorker, type WorkerView } from '../workers/node-worker.js';
import { targetOf } from '../workers/worker-command.js';
import type { WorkerClients } from '../workers/worker-clients.js';

/** The workers of the node, as the gate uses them. */
export interface NodeWorkers {
  readonly changes: Changes;
  workers(): readonly NodeWorker[];
}

/** A worker of the target that answers. */
export interface LiveWorker {
  readonly worker: NodeWorker;
  readonly view: Extract<WorkerView, { kind: 'up' }>;
  readonly clients: WorkerClients;
}

/**
 * Workers that the gate of one target stands for. Not among them are those that are not there yet, and those that are drained because there is a
 * newer one: a restart of the target takes these back first ({@link recallRetiring}).
 */
export function workersOf(nodeWorkers: NodeWorkers, target: Target): readonly NodeWorker[] {
  return killedWith(nodeWorkers, target).filter((worker) => !isApart(worker));
}

/** All workers that are killed with a target. */
export function killedWith(nodeWorkers: NodeWorkers, target: Target): readonly NodeWorker[] {
  return nodeWorkers.workers().filter((worker) => targetOf(worker.panel) === target);
}

function isApart(worker: NodeWorker): boolean {
  const view = viewWorker(worker);
  if (worker.stage === 'coming') return view.kind !== 'up';
  // One that does not answer is not known to be empty.
  return worker.stage === 'retiring' && view.kind === 'up' && isRetirement(view.status);
}

/** Workers that answer. */
export function liveWorkers(workers: readonly NodeWorker[]): readonly LiveWorker[] {
  return workers.flatMap((worker) => {
    const view = viewWorker(worker);
    return view.kind === 'up' ? [{ worker, view, clients: view.clients }] : [];
  });
}

/**
 * Waits until it is certain of each worker of the target whether it is up or absent.
 * @throws PaneletError WORKER_UNAVAILABLE that names the panel, when one stays unknown.
 */
export async function settleWorkers(
  nodeWorkers: NodeWorkers,
  target: Target,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<readonly LiveWorker[]> {
  const unknown = (): NodeWorker | undefined =>
    workersOf(nodeWorkers, target).find((worker) => viewWorker(worker).kind === 'unknown');
  const error = (): PaneletError => unanswered(unknown()?.panel.name ?? '');
  const isCertain = (): true | undefined => (unknown() === undefined ? true : undefined);
  await withDeadline({ clock, limitMs, error }, (signal) => nodeWorkers.changes.until(isCertain, signal));
  return liveWorkers(workersOf(nodeWorkers, target));
}

/** Waits until the watches of the workers show a change that they have answered already; at most `limitMs`. */
export async function untilSeen(
  nodeWorkers: NodeWorkers,
  isSeen: () => boolean,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<void> {
  try {
    await withDeadline({ clock, limitMs }, (signal) => nodeWorkers.changes.until(() => isSeen() || undefined, signal));
  } catch {
    // The answer then shows what was known before; nothing depends on it.
  }
}

/** Says which panel's worker does not answer. */
export function unanswered(panel: string, cause?: unknown): PaneletError {
  return new PaneletError('WORKER_UNAVAILABLE', `The worker of panel "${panel}" does not answer.`, { cause });
}

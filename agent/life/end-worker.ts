import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { msToDuration } from '#common/time/duration.js';
import type { Log } from '#common/log.js';
import { OnTimeout, type Command, type DrainRequest } from '#proto/gate/v1/gate.js';
import type { ShutdownResponse } from '#proto/worker/v1/worker.js';
import { drainWorker, type DrainOutcome } from '../gate/drain.js';
import { callWorker } from '../workers/call-worker.js';
import type { Registry } from '../workers/registry.js';
import { isRetirement, viewWorker, type NodeWorker } from '../workers/node-worker.js';
import { targetOf } from '../workers/worker-command.js';

/** What draining and ending single workers needs. */
export interface EndWorkerDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
}

/** How a worker is drained before it ends. */
export interface DrainBounds {
  readonly command: Command;
  /** Time that the worker is given, in milliseconds. */
  readonly timeoutMs: number;
  /** Time after which nobody waits for its answer any more, in milliseconds; longer than `timeoutMs`. */
  readonly limitMs: number;
  readonly reason: string;
  /** Instance of the agent that goes as well. @default it stays */
  readonly leavingAgent?: string;
  /** Aborts when nobody waits any more, too. */
  readonly signal?: AbortSignal;
}

/** How long a worker may take to end. */
export interface EndBounds {
  /** For the answer to the order to end, and then for the exit, in milliseconds. */
  readonly exitMs: number;
  /** Between SIGTERM and SIGKILL, in milliseconds. */
  readonly termMs: number;
}

/** Time for a worker to end that nobody is in a hurry about. */
export const defaultEndBounds: EndBounds = { exitMs: 3_000, termMs: 2_000 };

const removalMs = 30_000;
// A retirement itself commands with 1: a higher one may change its deadline.
const hurriedGeneration = 2;
// For the answer of a worker that has used all of its time.
const answerMs = 2_000;

/** Drains one worker at once, without notice; undefined when it could not be drained in time. */
export async function drainForEnd(
  deps: EndWorkerDeps,
  worker: NodeWorker,
  bounds: DrainBounds,
): Promise<DrainOutcome | undefined> {
  const request: DrainRequest = {
    command: bounds.command,
    target: targetOf(worker.panel),
    notice: msToDuration(0),
    timeout: msToDuration(bounds.timeoutMs),
    onTimeout: OnTimeout.FORCE,
    reason: bounds.reason,
    lease: msToDuration(bounds.timeoutMs + 60_000),
    leavingAgent: bounds.leavingAgent,
  };
  const { changes } = deps.registry;
  const deadline = { clock: deps.clock, limitMs: bounds.limitMs, signals: [bounds.signal] };
  try {
    return await withDeadline(deadline, (signal) =>
      drainWorker({ worker, request, changes, signal, onStatus: () => undefined }),
    );
  } catch (error) {
    deps.log.warn({ err: error, panel: worker.panel.name }, 'A worker could not be drained');
    return undefined;
  }
}

/** Ends a worker's process; true when that lost nothing the worker did not already give a receipt for. */
export async function endWorker(deps: EndWorkerDeps, worker: NodeWorker, bounds = defaultEndBounds): Promise<boolean> {
  const { supervisor } = worker;
  if (supervisor === undefined) return true;
  const { exitMs, termMs } = bounds;
  const exited = supervisor.retire(exitMs);
  const asked = await askToEnd(deps, worker, exitMs);
  if (asked !== 'refused' && (await exited)) return true;
  const how = await supervisor.stop(termMs);
  deps.log.warn({ panel: worker.panel.name, how }, 'A worker had to be ended by signal');
  return asked !== 'refused' && how !== 'killed';
}

async function askToEnd(
  { clock, log }: EndWorkerDeps,
  worker: NodeWorker,
  timeoutMs: number,
): Promise<'asked' | 'refused'> {
  const view = viewWorker(worker);
  if (view.kind === 'absent') return 'asked';
  if (view.kind === 'unknown') return 'refused';
  try {
    await callWorker<ShutdownResponse>((...rest) => view.clients.worker.shutdown({ force: false }, ...rest), {
      clock,
      timeoutMs,
    });
    return 'asked';
  } catch (error) {
    const refused = (error as ServiceError).code === status.FAILED_PRECONDITION;
    log.warn({ err: error, panel: worker.panel.name }, 'A worker did not take the order to end');
    return refused ? 'refused' : 'asked';
  }
}

/** Name of the drain of a panel that was removed. */
export function removalUid(instance: string, panel: string): string {
  return `remove-${instance}-${panel}`;
}

/**
 * Drains and ends the workers of a panel that was removed, in bounded time, also one that never answers; then starts what a
 * reload has brought in its place meanwhile.
 */
export async function removePanel(deps: EndWorkerDeps, newest: NodeWorker): Promise<void> {
  const { registry, log } = deps;
  const { name } = newest.panel;
  const leaving = registry.workers().filter(({ panel }) => panel.name === name);
  for (const worker of leaving) worker.leaving = true;
  registry.changes.notify();
  await Promise.all(leaving.map((worker) => endRemoved(deps, worker)));
  // Else the agent has ended meanwhile.
  if (!registry.workers().includes(newest)) return;
  for (const worker of leaving) registry.remove(worker);
  log.info({ panel: name }, 'Panel has gone');
  if (newest.successor !== undefined) registry.add(newest.successor);
}

async function endRemoved(deps: EndWorkerDeps, worker: NodeWorker): Promise<void> {
  if (worker.supervisor === undefined) return;
  const { name } = worker.panel;
  const command = endCommand(worker, { restartUid: removalUid(deps.instance, name), generation: 1 });
  const reason = `The panel "${name}" was removed from this node.`;
  await drainForEnd(deps, worker, { command, timeoutMs: removalMs, limitMs: removalMs + answerMs, reason });
  await endWorker(deps, worker);
}

/**
 * The command by which a worker is drained before it is ended. One that is drained already, because there is a newer worker of its panel,
 * takes only that drain's command: it is told that there is less time.
 */
export function endCommand(worker: NodeWorker, own: Pick<Command, 'restartUid' | 'generation'>): Command {
  const view = viewWorker(worker);
  const fencing = knownFencing(worker);
  if (view.kind !== 'up' || !isRetirement(view.status)) return { ...own, fencing };
  return { restartUid: view.status.restartUid, fencing, generation: hurriedGeneration };
}

/** Fencing number that the worker accepts: the highest it has seen. */
function knownFencing(worker: NodeWorker): number {
  const view = viewWorker(worker);
  return view.kind === 'up' ? view.status.fencing : 0;
}

import { PaneletError } from '#common/errors/errors.js';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import type { Log } from '#common/log.js';
import { State } from '#proto/gate/v1/gate.js';
import type { PanelConfig } from '../config/config.js';
import type { Cordons } from '../gate/cordons.js';
import { viewWorker, type NodeWorker } from '../workers/node-worker.js';
import type { Registry } from '../workers/registry.js';
import type { StartTimes } from '../workers/start-times.js';
import { targetOf } from '../workers/worker-command.js';

/** What replacing a worker needs. */
export interface ReplaceDeps {
  readonly registry: Pick<Registry, 'changes' | 'workers' | 'addBeside' | 'promote' | 'remove'>;
  readonly cordons: Pick<Cordons, 'get'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly startTimes: Pick<StartTimes, 'serveMs'>;
}

/** Workers of a panel that may retire at the same time: each is a process that stays as long as its sessions. */
export const maxRetiring = 4;

const termMs = 5_000;

/** Says why the worker of a panel cannot be replaced now; undefined when it can. */
export function whyNotReplaced({ registry, cordons }: ReplaceDeps, newest: NodeWorker): string | undefined {
  const { panel } = newest;
  const own = registry.workers().filter((worker) => worker.panel.name === panel.name);
  if (newest.supervisor === undefined) return 'Its worker is not started by the agent.';
  if (newest.leaving) return 'The panel is being removed.';
  if (cordons.get(targetOf(panel)) !== undefined) return 'A restart of the node is under way.';
  if (newest.stage !== 'newest') return 'The agent does not know its workers yet.';
  const retiring = own.filter(({ stage }) => stage === 'retiring').length;
  if (retiring < maxRetiring) return undefined;
  return `${retiring} workers still retire, the most that may. Wait for their sessions to end, or end them.`;
}

/**
 * Starts another worker beside the newest one of a panel, as `panel` says, and makes it the newest once it serves. One that does not is ended, and
 * the other goes on as if nothing had been.
 * @throws PaneletError OPERATION_REFUSED, WORKER_UNAVAILABLE or CONFIG_INVALID that says why; nothing was drained then
 */
export async function replaceWorker(
  deps: ReplaceDeps,
  newest: NodeWorker,
  { panel, onStarted }: { readonly panel: PanelConfig; readonly onStarted: (pid: number) => void },
): Promise<NodeWorker> {
  const { registry } = deps;
  const refusal = whyNotReplaced(deps, newest);
  if (refusal !== undefined) throw new PaneletError('OPERATION_REFUSED', refusal);
  const coming = registry.addBeside(newest, panel);
  try {
    await untilServing(deps, { coming, newest, onStarted });
  } catch (error) {
    await coming.supervisor?.stop(termMs);
    coming.stage = 'gone';
    registry.remove(coming);
    throw error;
  }
  registry.promote(coming);
  return coming;
}

interface Coming {
  readonly coming: NodeWorker;
  readonly newest: NodeWorker;
  readonly onStarted: (pid: number) => void;
}

async function untilServing(deps: ReplaceDeps, { coming, newest, onStarted }: Coming): Promise<void> {
  const { registry, clock, startTimes } = deps;
  const { serveMs } = startTimes;
  let told = false;
  const failed = (why: string): PaneletError => new PaneletError('WORKER_UNAVAILABLE', why);
  const look = (): true | undefined => {
    const { process, message } = coming.supervisor?.status() ?? { process: undefined, message: '' };
    if (process !== undefined && !told) {
      told = true;
      onStarted(process.pid);
    }
    if (coming.stage === 'gone') throw failed(message === '' ? 'The new worker has ended.' : message);
    if (newest.leaving || !registry.workers().includes(newest)) throw failed('The panel was removed meanwhile.');
    if (deps.cordons.get(targetOf(newest.panel)) !== undefined) {
      throw failed('A restart of the node has begun meanwhile.');
    }
    const view = viewWorker(coming);
    return view.kind === 'up' && view.status.state === State.SERVING ? true : undefined;
  };
  const late = (): PaneletError => failed(`The new worker did not serve within ${serveMs / 1000} s.`);
  await withDeadline({ clock, limitMs: serveMs, error: late }, (signal) => registry.changes.until(look, signal));
}

import { isDeepStrictEqual } from 'node:util';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { ReloadStep, type ReloadResponse } from '#proto/agent/v1/agent.js';
import type { PanelConfig } from '../config/config.js';
import { sumSessions } from '../gate/aggregate.js';
import { newestWorkers, viewWorker, type NodeWorker } from '../workers/node-worker.js';
import { replaceWorker, whyNotReplaced, type ReplaceDeps } from './replace-worker.js';
import type { Retirements } from './retirements.js';

/** Which workers are replaced. */
export interface WorkersToReload {
  /** Names of panels; all that the agent starts workers of when there is none. */
  readonly panels: readonly string[];
  /** Only those whose command or its program has changed. */
  readonly changedOnly: boolean;
}

/** Replaces workers by new ones beside them. */
export interface WorkerReload {
  /**
   * Tells each step; resolves once each of the workers was replaced, or was not, and those that give their sessions away have ended.
   * @throws PaneletError PANEL_UNKNOWN; OPERATION_REFUSED while another one is under way, or where a named panel's worker cannot be replaced.
   */
  run(wanted: WorkersToReload, tell: (step: ReloadResponse) => void): Promise<void>;
}

/** What it needs. */
export interface WorkerReloadDeps extends ReplaceDeps {
  readonly retirements: Retirements;
  /** The panel of a name as the configuration has it now; undefined when it has none. */
  readonly configured: (panel: string) => PanelConfig | undefined;
}

/** Nothing is under way yet. */
export function createWorkerReload(deps: WorkerReloadDeps): WorkerReload {
  let isUnderWay = false;
  return {
    run: async (wanted, tell) => {
      if (isUnderWay) {
        throw new PaneletError('OPERATION_REFUSED', 'Workers are being replaced already. Try again when that is over.');
      }
      const chosen = choose(deps, wanted);
      isUnderWay = true;
      const begun: Promise<void>[] = [];
      try {
        // One after the other: a node has room for one process more.
        for (const worker of chosen) begun.push(...(await replaceOne(deps, worker, tell)));
      } finally {
        isUnderWay = false;
      }
      await Promise.all(begun);
    },
  };
}

function choose(deps: WorkerReloadDeps, { panels, changedOnly }: WorkersToReload): readonly NodeWorker[] {
  const newest = newestWorkers(deps.registry.workers());
  for (const name of panels) {
    const worker = newest.find(({ panel }) => panel.name === name);
    if (worker === undefined) throw new PaneletError('PANEL_UNKNOWN', `This node does not offer the panel "${name}".`);
    const refusal = whyNotReplaced(deps, worker);
    if (refusal !== undefined) throw new PaneletError('OPERATION_REFUSED', `Panel "${name}": ${refusal}`);
  }
  return newest.filter(
    (worker) =>
      worker.supervisor !== undefined &&
      (panels.length === 0 || panels.includes(worker.panel.name)) &&
      (!changedOnly || hasChanged(deps, worker)),
  );
}

function hasChanged({ configured }: WorkerReloadDeps, { panel, supervisor }: NodeWorker): boolean {
  const now = configured(panel.name);
  return supervisor?.status().restartRequired === true || (now !== undefined && !isDeepStrictEqual(now, panel));
}

/** As the configuration has it now, but for where its worker lives, which only a restart of the agent takes up. */
function panelFor({ configured }: WorkerReloadDeps, { panel }: NodeWorker): PanelConfig {
  const now = configured(panel.name);
  return now?.run === panel.run && now.target === panel.target ? now : panel;
}

/** @returns what is still to come */
async function replaceOne(
  deps: WorkerReloadDeps,
  old: NodeWorker,
  tell: (step: ReloadResponse) => void,
): Promise<readonly Promise<void>[]> {
  const { name } = old.panel;
  const say = (step: ReloadStep, more: Partial<ReloadResponse> = {}): void =>
    tell({
      panel: name,
      step,
      message: '',
      pid: 0,
      sessions: sumSessions([viewWorker(old)]),
      counts: undefined,
      ...more,
    });
  // One that crashes again and again, or was never there, has nothing that could be drained.
  const wasAway = old.link.state().kind === 'absent';
  try {
    const onStarted = (pid: number): void => say(ReloadStep.STARTED, { pid });
    const newest = await replaceWorker(deps, old, { panel: panelFor(deps, old), onStarted });
    deps.log.info({ panel: name, number: newest.number }, 'A new worker takes over');
    say(ReloadStep.SERVES, { pid: newest.supervisor?.status().process?.pid ?? 0 });
  } catch (error) {
    deps.log.error({ err: error, panel: name }, 'A worker was not replaced; it goes on, and nothing was drained');
    say(ReloadStep.FAILED, {
      message: `${sentence(messageOf(error))} The worker before goes on; nothing was drained.`,
    });
    return [];
  }
  return [retire(deps, { old, wasAway, say })];
}

// What a supervisor shows is no sentence.
function sentence(words: string): string {
  return words.endsWith('.') ? words : `${words}.`;
}

interface Retiring {
  readonly old: NodeWorker;
  readonly wasAway: boolean;
  readonly say: (step: ReloadStep, more?: Partial<ReloadResponse>) => void;
}

async function retire({ retirements }: WorkerReloadDeps, { old, wasAway, say }: Retiring): Promise<void> {
  const pid = old.supervisor?.status().process?.pid ?? 0;
  const over = retirements.over(old);
  const link = old.link.state();
  const isKept = link.kind === 'up' && !link.about.checkpointable && link.status.sessions > 0;
  if (isKept) {
    say(ReloadStep.RETIRING, { pid });
    return;
  }
  const retired = await over;
  if (retired === undefined) say(ReloadStep.RETIRING, { pid, message: 'The agent ends; the next one goes on.' });
  else if (retired.counts === undefined && wasAway)
    say(ReloadStep.RETIRED, { pid, message: 'The worker before was not up; there was nothing to drain.' });
  else if (retired.counts === undefined)
    say(ReloadStep.FAILED, { pid, message: 'The worker ended before it was drained.' });
  else say(ReloadStep.RETIRED, { pid, counts: retired.counts });
}

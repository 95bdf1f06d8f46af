import { PaneletError } from '#common/errors/errors.js';
import type { ReloadRequest, ReloadResponse } from '#proto/agent/v1/agent.js';
import { reloadAgent, reloadConfiguration, type Reloading } from './reload.js';
import type { WorkerReload } from './reload-workers.js';

/** Everything by which a running agent takes up what has changed, one after the other. */
export interface Reloads {
  /** The configuration and the panels beside it have changed. */
  takeUp(): void;
  /** As SIGHUP asks; workers are replaced in the background, where the configuration says so. */
  reload(): Promise<void>;
  /** As an operator asks. @throws PaneletError OPERATION_REFUSED when the agent ends, and as {@link WorkerReload.run} */
  call(request: ReloadRequest, tell: (step: ReloadResponse) => void): Promise<void>;
}

/** What they need. */
export interface ReloadsDeps {
  readonly reloading: Reloading;
  readonly workerReload: WorkerReload;
  readonly isStopping: () => boolean;
}

/** Reloads of one agent. */
export function createReloads({ reloading, workerReload, isStopping }: ReloadsDeps): Reloads {
  const { deps, config } = reloading;
  let turn = Promise.resolve();
  const inTurn = (run: (what: Reloading) => Promise<void>): Promise<void> => (turn = turn.then(() => run(reloading)));
  const upgradeWorkers = (): void => {
    const told = workerReload.run({ panels: [], changedOnly: true }, () => undefined);
    told.catch((err: unknown) => deps.log.warn({ err }, 'Workers were not replaced'));
  };
  return {
    takeUp: () => {
      if (!isStopping()) void inTurn(reloadConfiguration);
    },
    reload: async () => {
      await inTurn(reloadAgent);
      if (config.upgradeWorkers && !isStopping()) upgradeWorkers();
    },
    call: async ({ workers, panels, changedOnly }, tell) => {
      if (isStopping()) throw new PaneletError('OPERATION_REFUSED', 'The agent ends.');
      await inTurn(reloadAgent);
      if (!workers) return;
      await workerReload.run({ panels, changedOnly }, tell);
      // What only a new worker takes up is taken up.
      if (!isStopping()) await inTurn(reloadConfiguration);
    },
  };
}

import type { NodeWorker } from '../workers/node-worker.js';
import { retireWorker, type Retired, type RetirementDeps } from './retirement.js';

/** The workers of a node that retire, from when they do until they have ended. */
export interface Retirements {
  /** Resolves once a worker that retires has ended; undefined where the agent ends first. */
  over(worker: NodeWorker): Promise<Retired | undefined>;
  /** Leaves them as they are. */
  close(): void;
}

/** Retires every worker that is to, also those that an agent before this one has begun with. */
export function createRetirements(deps: RetirementDeps): Retirements {
  const { registry, log } = deps;
  const underWay = new Map<NodeWorker, Promise<Retired | undefined>>();
  const ending = new AbortController();
  const begin = (worker: NodeWorker): Promise<Retired | undefined> => {
    const { panel, number } = worker;
    log.info({ panel: panel.name, number }, 'A worker retires');
    return retireWorker(deps, worker, ending.signal).then(
      (retired) => {
        log.info({ panel: panel.name, number, counts: retired.counts }, 'A worker that retired has ended');
        return retired;
      },
      (err: unknown) => {
        if (!ending.signal.aborted) log.error({ err, panel: panel.name }, 'A worker could not be retired');
        return undefined;
      },
    );
  };
  const over = (worker: NodeWorker): Promise<Retired | undefined> => {
    const known = underWay.get(worker);
    if (known !== undefined) return known;
    const begun = begin(worker).finally(() => underWay.delete(worker));
    underWay.set(worker, begun);
    return begun;
  };
  const look = (): void => {
    for (const worker of registry.workers()) if (worker.stage === 'retiring') void over(worker);
  };
  const unsubscribe = registry.changes.subscribe(look);
  look();
  return {
    over,
    close: () => {
      unsubscribe();
      ending.abort(new Error('The agent ends.'));
    },
  };
}

import { answering, type AnsweringWorker } from '../workers/foreign-workers.js';
import type { Registry } from '../workers/registry.js';
import { liveWorkers } from './node-workers.js';

/** Workers that answer, of this agent and of others of the node: whichever agent is asked, it speaks of all sessions. */
export function workersOfNode(registry: Pick<Registry, 'workers' | 'foreign'>): readonly AnsweringWorker[] {
  const own = liveWorkers(registry.workers()).map(({ worker, clients }) => ({ panel: worker.panel.name, clients }));
  return [...own, ...answering(registry.foreign())];
}

import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';

import type { WorkQueue } from './work-queue.js';

/** What a loop is made of. */
export interface ControllerLoopDeps {
  readonly queue: WorkQueue;
  /** Looks at one key. A failure is tried again later, with a growing delay. */
  readonly reconcile: (key: string) => Promise<{ readonly requeueAfterMs?: number }>;
  /** Keys that are looked at side by side. @default 4 */
  readonly workers?: number;
  readonly log: Log;
}

/** Takes keys from a queue and reconciles them until the queue is closed. Resolves when the last one is done. */
export async function runControllerLoop({ queue, reconcile, workers = 4, log }: ControllerLoopDeps): Promise<void> {
  const handle = async (key: string): Promise<void> => {
    try {
      const { requeueAfterMs } = await reconcile(key);
      queue.forget(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
    } catch (error) {
      // A conflict only says that the cache was behind; the change that caused it is on its way.
      if (isPaneletError(error, 'API_CONFLICT')) log.debug({ err: error, key }, 'Reconcile again after a conflict');
      else log.warn({ err: error, key }, 'Reconcile failed');
      queue.addAfterFailure(key);
    } finally {
      queue.done(key);
    }
  };
  const work = async (): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) await handle(key);
  };
  await Promise.all(Array.from({ length: workers }, work));
}

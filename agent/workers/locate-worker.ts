import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { LocateResponse } from '#proto/worker/v1/worker.js';
import { callWorker } from './call-worker.js';
import type { NodeWorker } from './node-worker.js';

/** What finding a session's worker needs. */
export interface LocateOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly sessionId: string;
}

// Answered from the node's storage; whoever waits for it has a client that waits.
const locateMs = 2_000;

/** Which of several workers of a panel has a session: the first, where none of them does, or where nobody can say. */
export async function locateWorker<W extends Pick<NodeWorker, 'link'>>(
  workers: readonly [W, ...W[]],
  { clock, log, sessionId }: LocateOptions,
): Promise<W> {
  const [newest] = workers;
  // Storage knows, so any of them can say.
  const asked = workers.map(({ link }) => link.state()).find((state) => state.kind === 'up');
  if (asked === undefined) return newest;
  try {
    const { worker } = asked.clients;
    const { instance } = await callWorker<LocateResponse>((...rest) => worker.locate({ sessionId }, ...rest), {
      clock,
      timeoutMs: locateMs,
    });
    return workers.find((candidate) => instance !== '' && instanceOf(candidate) === instance) ?? newest;
  } catch (err) {
    log.warn({ err, sessionId }, 'It is not known which worker has a session; its client is sent to the newest');
    return newest;
  }
}

/** Which process a worker is, while it answers. */
export function instanceOf({ link }: Pick<NodeWorker, 'link'>): string | undefined {
  const state = link.state();
  return state.kind === 'up' ? state.about.instance : undefined;
}

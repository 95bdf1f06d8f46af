import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { createFakeClock } from '#common/time/clock.js';
import { locateWorker } from './locate-worker.js';
import type { NodeWorker } from './node-worker.js';

type Done = (error: Partial<ServiceError> | null, response?: object) => void;

/** A worker that knows who has a session, or refuses to say. */
function workerOf(instance: string, answer?: string): NodeWorker {
  const locate = (_request: object, _metadata: Metadata, _options: object, done: Done): object => {
    if (answer === undefined) done({ code: status.UNIMPLEMENTED, details: '', metadata: new Metadata() });
    else done(null, { instance: answer });
    return { cancel: () => undefined };
  };
  const up = { kind: 'up', about: { instance }, clients: { worker: { locate } } };
  return { link: { state: () => up } } as unknown as NodeWorker;
}
const down = { link: { state: () => ({ kind: 'absent' }) } } as unknown as NodeWorker;

const find = (...workers: [NodeWorker, ...NodeWorker[]]): Promise<NodeWorker> =>
  locateWorker(workers, { clock: createFakeClock(), log: createSilentLog(), sessionId: 's' });

describe('the worker of a session', () => {
  test('is the one that storage names, also where only an older one can be asked', async () => {
    const old = workerOf('i-1', 'i-1');
    expect(await find(workerOf('i-2', 'i-1'), old)).toBe(old);
    expect(await find(down, workerOf('i-0', 'i-1'), old)).toBe(old);
  });

  test('is the newest where nobody has the session, or somebody whom the agent does not know, or nobody can say', async () => {
    for (const answer of ['', 'i-9', undefined]) {
      const newest = workerOf('i-2', answer);
      expect(await find(newest, workerOf('i-1'))).toBe(newest);
    }
    expect(await find(down, down)).toBe(down);
  });
});

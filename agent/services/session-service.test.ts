import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { createSilentLog } from '#common/log.js';
import { createSessionService, type SessionServiceDeps } from './session-service.js';

type Failure = Pick<ServiceError, 'code' | 'metadata' | 'details'>;

const unknown: Failure = {
  code: status.NOT_FOUND,
  details: 'There is no such session.',
  metadata: Metadata.fromHttp2Headers({ 'panelet-reason': 'SESSION_UNKNOWN' }),
};
/** As grpc-js says it of a worker that ends while it is asked. */
const lost: Failure = { code: status.UNAVAILABLE, details: 'Connection dropped', metadata: new Metadata() };

/** Asks the service of an agent to end a session; its workers answer like that. */
async function endSession(answers: readonly Failure[]): Promise<Partial<ServiceError> | null> {
  const workers = answers.map((failure) => ({
    panel: 'terminal',
    link: {
      state: () => ({
        kind: 'up',
        clients: {
          session: {
            endSession: (...words: readonly unknown[]) => {
              const done = words.at(-1) as (error: ServiceError) => void;
              setImmediate(() => done(Object.assign(new Error(failure.details), failure, { name: 'ServiceError' })));
              return { cancel: () => undefined };
            },
          },
        },
      }),
    },
  }));
  const service = createSessionService({
    registry: { workers: () => [], foreign: () => workers },
    node: 'node-a',
    clock: createFakeClock(),
    caller: () => ({ caller: { name: 'alice', uid: '', groups: [] }, remoteAddress: '' }),
    permissions: { require: () => Promise.resolve(), has: () => Promise.resolve(false) },
    log: createSilentLog(),
  } as unknown as SessionServiceDeps);
  return new Promise((resolve) => {
    service.endSession({ metadata: new Metadata(), request: { sessionId: 's' } } as never, resolve);
  });
}

const reasonOf = (error: Partial<ServiceError> | null): unknown => error?.metadata?.get('panelet-reason')[0];

test('a session that no worker has is unknown, and one whose worker goes meanwhile is said to be away, with a reason', async () => {
  expect(reasonOf(await endSession([unknown, unknown]))).toBe('SESSION_UNKNOWN');
  const away = await endSession([lost, unknown]);
  expect([away?.code, reasonOf(away)]).toEqual([status.UNAVAILABLE, 'WORKER_UNAVAILABLE']);
});

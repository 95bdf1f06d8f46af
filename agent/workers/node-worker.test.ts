import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { State } from '#proto/gate/v1/gate.js';
import type { RevokeRequest } from '#proto/worker/v1/worker.js';
import type { AttachTarget } from '../front/calls/attach-relay.js';
import { attachTarget, type NodeWorker } from './node-worker.js';
import type { ConnectionState } from './worker-connection.js';

type Answer = (error: Partial<ServiceError> | null, response?: object) => void;

let asked: string[];
let answer: (done: Answer) => void;
let state: ConnectionState;
let target: AttachTarget | undefined;

/** What a link knows of a worker over one of its connections. */
function up(connection: string): ConnectionState {
  const revoke = ({ attachment }: RevokeRequest, _metadata: Metadata, _options: object, done: Answer): object => {
    asked.push(`${attachment} over ${connection}`);
    answer(done);
    return { cancel: () => undefined };
  };
  const known = { kind: 'up', about: { metadataKeys: [] }, status: { state: State.SERVING } };
  return { ...known, clients: { worker: { revoke } } } as unknown as ConnectionState;
}

describe('the way to a worker revokes an attachment', () => {
  beforeEach(() => {
    asked = [];
    answer = (done) => done(null, {});
    state = up('the first connection');
    const worker = { link: { state: () => state }, upstream: {} } as unknown as NodeWorker;
    target = attachTarget(worker, createFakeClock());
  });

  test('over the connection that there is then, not over the one of the beginning', async () => {
    state = up('the second connection');
    expect(await target?.revoke('a-1', 'no')).toBe(true);
    expect(asked).toEqual(['a-1 over the second connection']);
  });

  test('and says when the worker has none of the name, or cannot say', async () => {
    const refuse = (code: status) => (done: Answer) => done({ code, details: '', metadata: new Metadata() });
    answer = refuse(status.NOT_FOUND);
    expect(await target?.revoke('a-1', 'no')).toBe(false);
    answer = refuse(status.UNIMPLEMENTED);
    await expect(target?.revoke('a-1', 'no')).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
    state = { kind: 'absent' };
    await expect(target?.revoke('a-1', 'no')).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });
});

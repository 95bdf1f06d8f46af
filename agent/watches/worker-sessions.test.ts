import { EventEmitter } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { settle } from '#test/support/settle.js';
import type { WorkerClients } from '../workers/worker-clients.js';
import { WorkerSessions } from './worker-sessions.js';

type Listed = (error: Error | null, answer: { readonly sessions: Session[] }) => void;

let clock: FakeClock;
let calls: (EventEmitter & { cancel: () => void })[];
let lists: Listed[];
let cancelled: number;
let changes: number;
let sessions: WorkerSessions;

const session = (sessionId: string, seconds = 0): Session =>
  Session.fromPartial({ sessionId, age: { seconds, nanos: 0 } });
const ids = (): string[] => sessions.list().map(({ sessionId }) => sessionId);
const tell = (message: Partial<WatchSessionsResponse>): boolean | undefined =>
  calls.at(-1)?.emit('data', WatchSessionsResponse.fromPartial(message));
const fail = async (code: status): Promise<void> => {
  calls.at(-1)?.emit('error', Object.assign(new Error('no'), { code }));
  await settle();
};
const pass = async (ms: number): Promise<void> => {
  clock.advance(ms);
  await settle();
};

beforeEach(() => {
  [clock, calls, lists, cancelled, changes] = [createFakeClock(), [], [], 0, 0];
  const client = {
    watchSessions: () => {
      const call = Object.assign(new EventEmitter(), {
        cancel: () => {
          cancelled++;
        },
      });
      calls.push(call);
      return call;
    },
    listSessions: (_request: unknown, _metadata: unknown, _options: unknown, done: Listed) => {
      lists.push(done);
      return { cancel: () => undefined };
    },
  };
  const clients = { session: client as unknown as WorkerClients['session'] };
  sessions = new WorkerSessions({ clients, metadata: new Metadata(), clock, onChange: () => changes++ });
});
afterEach(() => sessions.close());

describe('the sessions of a worker', () => {
  test('are as it tells them, and grow older meanwhile', () => {
    expect(sessions.isSettled).toBe(false);
    tell({ complete: true, sessions: [session('a', 60), session('b')] });
    tell({ sessions: [session('c')], gone: ['b'] });
    expect([sessions.isSettled, ids(), changes]).toEqual([true, ['a', 'c'], 2]);
    clock.advance(5_000);
    expect(sessions.list()[0]?.age).toEqual({ seconds: 65, nanos: 0 });
  });

  test('are asked for again and again at one of a release before', async () => {
    await fail(status.UNIMPLEMENTED);
    lists.at(-1)?.(null, { sessions: [session('a')] });
    await settle();
    expect(ids()).toEqual(['a']);
    await pass(5_000);
    // It may have been replaced.
    expect(calls).toHaveLength(2);
    await fail(status.UNIMPLEMENTED);
    expect(ids()).toEqual(['a']);
    lists.at(-1)?.(null, { sessions: [session('b')] });
    await settle();
    expect(ids()).toEqual(['b']);
  });

  test('are none while it does not answer, and are there when it does', async () => {
    tell({ complete: true, sessions: [session('a')] });
    await fail(status.UNAVAILABLE);
    expect(ids()).toEqual([]);
    await pass(1_000);
    tell({ complete: true, sessions: [session('a')] });
    expect(ids()).toEqual(['a']);
  });

  test('of one that says nothing are waited for 5 s', () => {
    clock.advance(4_999);
    expect(sessions.isSettled).toBe(false);
    clock.advance(1);
    expect(sessions.isSettled).toBe(true);
  });

  test('of one that tells ever more are left, and asked for anew', async () => {
    const large = (id: string): Session =>
      Session.fromPartial({ sessionId: id, details: { text: 'x'.repeat(5 << 20) } });
    for (let at = 0; at < 10; at++) tell({ sessions: [large('the same')] });
    for (const id of ['a', 'b', 'c']) tell({ sessions: [large(id)], gone: ['the same'] });
    expect([ids(), cancelled]).toEqual([['a', 'b', 'c'], 0]);
    tell({ sessions: [large('d')] });
    tell({ sessions: [large('e')] });
    await settle();
    expect([ids(), cancelled]).toEqual([[], 1]);
    await fail(status.CANCELLED);
    await pass(1_000);
    expect(calls).toHaveLength(2);
    tell({ complete: true, sessions: [session('a')] });
    expect([ids(), cancelled]).toEqual([['a'], 1]);
  });

  test('are not watched any more once nobody wants to know', async () => {
    sessions.close();
    expect(cancelled).toBe(1);
    await fail(status.CANCELLED);
    await pass(60_000);
    expect([calls.length, lists.length, clock.pending()]).toEqual([1, 0, 0]);
  });
});

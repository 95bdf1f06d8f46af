import { beforeEach, expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { PaneletError } from '#common/errors/errors.js';
import { createFakeClock } from '#common/time/clock.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { settle } from '#test/support/settle.js';
import type { PaneletSession } from '#client/session/panelet-session.js';
import type { ResumeStore, SavedSession } from '../../cli/access/resume-store.js';
import type { NodeWays } from '../ways/node-ways.js';
import { BoardSessions } from './board-sessions.js';

const cluster = { namespace: 'panelet-system', serviceAccount: 'panelet-user' };
const sessionId = 'f0f0';
const state = { sessionId, panel: 'terminal', resumeToken: 't', incarnation: 1, node: 'node-a', ttlMs: 1 };
const waiting = { signal: new AbortController().signal, onWaiting: (): void => undefined };

let files: Map<string, SavedSession>;
let store: ResumeStore;
/** Fails the session that is open. */
let failing: Latch<never>;
/** Why nobody can come back to a session. */
let refusal: PaneletError | undefined;
let sessions: BoardSessions;

beforeEach(() => {
  files = new Map();
  failing = createLatch();
  refusal = undefined;
  store = {
    save: (saved) => Promise.resolve(void files.set(saved.sessionId, saved)),
    load: (id) => Promise.resolve({ ...state, sessionId: id, version: 1, savedAt: '2026-01-01T00:00:00Z', cluster }),
    list: () => Promise.resolve([...files.values()]),
    remove: (id) => Promise.resolve(void files.delete(id)),
  };
  let end: unknown;
  const session = {
    sessionId,
    on: () => () => undefined,
    resumeState: () => state,
    get phase() {
      return end === undefined ? 'attached' : 'closed';
    },
    get closed() {
      return Promise.resolve(end);
    },
    // eslint-disable-next-line require-yield -- it fails before it has said anything
    async *[Symbol.asyncIterator]() {
      try {
        await failing.promise;
      } catch (error) {
        end = { kind: 'failed', error };
        throw error;
      }
    },
  } as unknown as PaneletSession;
  const start = (): Promise<PaneletSession> =>
    refusal === undefined ? Promise.resolve(session) : Promise.reject(refusal);
  const way = { client: { open: start, resume: start }, explain: (error: unknown) => error, release: () => undefined };
  const world = { clock: createFakeClock(), stderr: new PassThrough(), name: 'panelet' } as const;
  sessions = new BoardSessions({ ways: { take: () => way } as unknown as NodeWays, store, world, cluster });
});

test.each([
  ['AGENT_UNREACHABLE', 'is given free'],
  ['IDENTITY_REFUSED', 'is given free'],
  ['ATTACH_SUPERSEDED', 'is left to who took it over'],
  ['SESSION_UNKNOWN', 'goes'],
] as const)('the file of a session that fails with %s %s', async (code, fate) => {
  const shared = await sessions.start({ kind: 'attach', key: '', session: sessionId, columns: 0, rows: 0 }, waiting);
  const view = shared.attach({ news: () => undefined, bytes: () => undefined });
  await settle();
  expect(files.get(sessionId)?.heldBy).toBe(process.pid);
  failing.reject(new PaneletError(code, 'It failed.'));
  await settle();
  view.leave();
  await settle();
  const file = files.get(sessionId);
  expect([file !== undefined, file?.heldBy]).toEqual(
    {
      'is given free': [true, undefined],
      'is left to who took it over': [true, process.pid],
      goes: [false, undefined],
    }[fate],
  );
});

test.each([
  ['SESSION_UNKNOWN', false],
  ['AGENT_UNREACHABLE', true],
] as const)('of one that nobody comes back to (%s) the file is kept: %p', async (code, isKept) => {
  await store.save(await store.load(sessionId));
  refusal = new PaneletError(code, 'No.');
  const start = sessions.start({ kind: 'attach', key: '', session: sessionId, columns: 0, rows: 0 }, waiting);
  await expect(start).rejects.toMatchObject({ code });
  expect(files.has(sessionId)).toBe(isKept);
});

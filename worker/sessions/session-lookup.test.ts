import { expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import type { Hello } from '#proto/session/v1/session.js';
import { SessionLookup, type SessionLookupDeps } from './session-lookup.js';

test('what ended of one owner is not forgotten because another one ends many', async () => {
  const ownership = { look: () => Promise.resolve({ kind: 'nobody', incarnation: 0, decided: 0 }) };
  const dormant = { find: () => Promise.resolve(undefined) };
  const deps = { dormant, storage: { ownership }, log: createSilentLog() } as unknown as SessionLookupDeps;
  const lookup = new SessionLookup(deps);
  const end = (owner: string, id: string): void => {
    const record = { id, panel: 'echo', owner } as unknown as Parameters<typeof lookup.remember>[0]['record'];
    lookup.remember({ record, incarnation: 1, message: `${id} has ended.` });
  };
  const known = async (sessionId: string): Promise<boolean> =>
    (await lookup.find({ sessionId } as Hello, undefined)) !== undefined;
  for (const id of ['a-1', 'a-2']) end('alice', id);
  for (let n = 1; n <= 3_000; n++) end('bob', `b-${n}`);
  expect([await known('a-1'), await known('a-2'), await known('b-1'), await known('b-3000')]).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

import { expect, test } from '@jest/globals';
import type { SessionRecord } from '../storage/session-record.js';
import { ownersOf } from './owners-of.js';

const records = [{ owner: 'ann' }, { owner: 'bob' }, { owner: 'ann' }] as SessionRecord[];

test('each owner of a session on storage is one of them', async () => {
  expect(await ownersOf({ list: () => Promise.resolve({ records, unreadable: [] }) })).toEqual(new Set(['ann', 'bob']));
});

test('nobody can say who they are while a record is unreadable', async () => {
  const unreadable = [{ sessionId: 'x', reason: 'it is empty' }];
  await expect(ownersOf({ list: () => Promise.resolve({ records, unreadable }) })).rejects.toMatchObject({
    code: 'STATE_DIR_UNUSABLE',
    message: /session x .*it is empty/,
  });
});

import { expect, test } from '@jest/globals';
import type { SessionRecord } from '../storage/session-record.js';
import type { Standing } from '../storage/session-ownership.js';
import { hasSessionElsewhere } from './has-session-elsewhere.js';

const records = [
  { id: '1', owner: 'ann' },
  { id: '2', owner: 'bob' },
] as SessionRecord[];
const sharedWith = (others: readonly number[]) => ({
  instances: { others: () => Promise.resolve(others) },
  records: { list: () => Promise.resolve({ records, unreadable: [] }) },
  ownership: { look: (id: string) => Promise.resolve({ kind: id === '1' ? 'elsewhere' : 'here' } as Standing) },
});

test('an owner has a session elsewhere where another living worker has one of his', async () => {
  expect(await hasSessionElsewhere(sharedWith([1]), 'ann')).toBe(true);
  expect(await hasSessionElsewhere(sharedWith([1]), 'bob')).toBe(false);
  expect(await hasSessionElsewhere(sharedWith([]), 'ann')).toBe(false);
});

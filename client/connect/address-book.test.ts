import { describe, expect, test } from '@jest/globals';
import { createAddressBook } from './address-book.js';

const query = { sessionId: 's', panel: 'p', node: '', attempt: 0 };
const addresses = { 'node-a': 'a:1', 'node-b': 'b:1', 'node-c': 'c:1' };
const [a, b, c] = Object.entries(addresses).map(([node, address]) => ({ node, address }));

describe('an address book', () => {
  test('has the agent of the node for a session whose node is known, and no other', async () => {
    expect(await createAddressBook({ addresses }).resolve({ ...query, node: 'node-b' })).toEqual([b]);
  });

  test('has every agent for one whose node is not known, another one in front after each failed attempt', async () => {
    const book = createAddressBook({ addresses });
    const found = await Promise.all([0, 1, 2, 3].map((attempt) => book.resolve({ ...query, attempt })));
    expect(found).toEqual([
      [a, b, c],
      [b, c, a],
      [c, a, b],
      [a, b, c],
    ]);
  });

  test('expects the agent of the session’s node behind the one address that is given', async () => {
    const book = createAddressBook({ address: 'any:1' });
    expect(await book.resolve({ ...query, node: 'node-b' })).toEqual([{ address: 'any:1', node: 'node-b' }]);
  });

  test('says that none is known where a resolver finds none, and that none is given', async () => {
    const none = createAddressBook({ resolve: () => [] });
    await expect(none.resolve(query)).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
    await expect(createAddressBook({}).resolve(query)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

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

  test('knows where a session was welcomed that a worker has sent elsewhere, until a given address is reached again', async () => {
    const book = createAddressBook({ address: 'old:1' });
    const found = async (node: string): Promise<readonly string[]> =>
      (await book.resolve({ ...query, node })).map(({ address }) => address);
    book.reached({ address: 'new:1', node: 'node-a' });
    expect(await found('node-a')).toEqual(['new:1', 'old:1']);
    expect(await found('')).toEqual(['old:1', 'new:1']);
    expect(await found('node-b')).toEqual(['old:1']);
    book.reached({ address: 'newer:1', node: 'node-a' });
    expect(await found('node-a')).toEqual(['newer:1', 'old:1']);
    book.reached({ address: 'old:1', node: 'node-a' });
    expect(await found('node-a')).toEqual(['old:1']);
  });

  test('keeps to its resolver, and to addresses whose node is known', async () => {
    const resolving = createAddressBook({ resolve: () => 'found:1' });
    resolving.reached({ address: 'new:1', node: 'node-a' });
    expect(await resolving.resolve({ ...query, node: 'node-a' })).toEqual([{ address: 'found:1', node: 'node-a' }]);
    const given = createAddressBook({ address: 'old:1' });
    given.reached({ address: 'new:1', node: '' });
    expect(await given.resolve(query)).toEqual([{ address: 'old:1', node: '' }]);
  });

  test('says that none is known where a resolver finds none, and that none is given', async () => {
    const none = createAddressBook({ resolve: () => [] });
    await expect(none.resolve(query)).rejects.toMatchObject({ code: 'AGENT_UNREACHABLE' });
    await expect(createAddressBook({}).resolve(query)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

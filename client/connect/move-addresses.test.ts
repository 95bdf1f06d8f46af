import { describe, expect, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import type { NodeAddress } from './address-book.js';
import { createMoveBook, mayFollowHint } from './move-addresses.js';

const ca = Buffer.from('PEM');
const proving = { tls: { ca, serverName: nodeServerName }, resolves: false } as const;
const current = { address: '10.0.0.5:7443', node: 'node-a' };

describe('an address that a worker names', () => {
  test.each([
    ['10.9.9.9:7443', '10.0.0.5:7443'],
    ['[fd00::9]:7443', '[fd00::5]:7443'],
    ['127.0.0.2:7443', '127.0.0.1:7443'],
  ])('%s may be followed from %s: it has to prove that it is the agent of that node', (hint, address) => {
    expect(mayFollowHint(hint, { ...current, address }, proving)).toBe(true);
  });

  test.each([
    ['', '10.0.0.5:7443'],
    ['10.9.9.9', '10.0.0.5:7443'],
    ['10.9.9.9:0', '10.0.0.5:0'],
    ['10.9.9.9:31007', '10.0.0.5:7443'],
    ['attacker.example.org:7443', '10.0.0.5:7443'],
    ['10.9.9.9:7443', 'panelet.panelet-system.svc:7443'],
    ['10.9.9.9:7443', '127.0.0.1:7443'],
    ['127.0.0.1:7443', '10.0.0.5:7443'],
    ['[fd00::9]:7443', '10.0.0.5:7443'],
    ['unix:/tmp/agent.sock', '10.0.0.5:7443'],
  ])('"%s" is not of the kind of %s', (hint, address) => {
    expect(mayFollowHint(hint, { ...current, address }, proving)).toBe(false);
  });

  test.each([
    ['a resolver knows better', { ...proving, resolves: true }],
    ['nothing is protected', { ...proving, tls: 'plaintext' as const }],
    ['any authority would do', { ...proving, tls: 'auto' as const }],
    ['the system’s authorities would do', { ...proving, tls: { serverName: nodeServerName } }],
    ['the host is proven, and not the node', { ...proving, tls: { ca } }],
    ['every agent has the name', { ...proving, tls: { ca, serverName: 'panelet-agent' } }],
  ])('is not followed where %s', (_, rules) => {
    expect(mayFollowHint('10.9.9.9:7443', current, rules)).toBe(false);
  });

  test('is not followed before the node is known', () => {
    expect(mayFollowHint('10.9.9.9:7443', { ...current, node: '' }, proving)).toBe(false);
  });
});

describe('the addresses of a move', () => {
  const query = { sessionId: 's', panel: 'p', node: 'node-a', attempt: 1 };
  const places = (...addresses: string[]): [NodeAddress, ...NodeAddress[]] => {
    const [first = '', ...rest] = addresses;
    const place = (address: string): NodeAddress => ({ address, node: 'node-a' });
    return [place(first), ...rest.map(place)];
  };
  const resolved = async (found: string[], hinted?: string): Promise<string[]> => {
    const book = { mayMove: () => true, resolve: () => Promise.resolve(places(...found)) };
    const hint = hinted === undefined ? undefined : { address: hinted, node: 'node-a' };
    return (await createMoveBook(book, 'old:1', hint).resolve(query)).map(({ address }) => address);
  };

  test('have that of the current agent last, and what may be followed first', async () => {
    expect(await resolved(['old:1', 'a:1', 'b:1'])).toEqual(['a:1', 'b:1', 'old:1']);
    expect(await resolved(['old:1', 'a:1'], 'named:1')).toEqual(['named:1', 'a:1', 'old:1']);
  });

  test('are that of the current agent where no other is known: another may be behind it', async () => {
    expect(await resolved(['old:1'])).toEqual(['old:1']);
  });
});

import { connectivityState } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createAddressBook } from './address-book.js';
import type { ChannelLease, ChannelPool } from './channel-pool.js';
import { dial } from './dial.js';

const query = { sessionId: 's', panel: 'p', node: '', attempt: 0 };

/** A pool in which an address with "live" in it connects, one with "bad" is none, and every other one gives no answer. */
function createPool(): ChannelPool & { readonly held: Set<string> } {
  const held = new Set<string>();
  const lease = (address: string): ChannelLease => {
    if (address.includes('bad')) throw new PaneletError('CONFIG_INVALID', 'This is no address.');
    held.add(address);
    const state = address.includes('live') ? connectivityState.READY : connectivityState.CONNECTING;
    const channel = { getConnectivityState: () => state, watchConnectivityState: () => undefined };
    const nothing = (): void => undefined;
    const release = (): void => void held.delete(address);
    const made = { client: { getChannel: () => channel }, address, leadsTo: nothing, retire: nothing, release };
    return made as unknown as ChannelLease;
  };
  return { lease, held, size: 0, close: () => undefined };
}

async function dialled(addresses: readonly string[], isWanted = () => true) {
  const clock = createFakeClock();
  const pool = createPool();
  const asked: number[] = [];
  const book = createAddressBook({
    resolve: ({ attempt }) => {
      asked.push(attempt);
      return addresses[Math.min(attempt, addresses.length - 1)] ?? '';
    },
  });
  let outcome: unknown;
  const done = dial({ clock, pool, book, query, isWanted }).then(
    (lease) => (outcome = lease.address),
    (error: unknown) => (outcome = error),
  );
  for (let turn = 0; turn < 100 && outcome === undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(50);
  }
  await done;
  return { outcome, asked, held: [...pool.held] };
}

describe('dialling', () => {
  test('takes the first that connects, and gives the others back', async () => {
    expect(await dialled(['dead:1', 'live:1'])).toEqual({ outcome: 'live:1', asked: [0, 1], held: ['live:1'] });
  });

  test('passes over an answer that is no address, or fails', async () => {
    expect(await dialled(['dead:1', 'bad', 'live:1'])).toMatchObject({ outcome: 'live:1', asked: [0, 1, 2] });
  });

  test('gives up in time, and holds nothing', async () => {
    const { outcome, held } = await dialled(['dead:1', 'dead:2']);
    expect(outcome).toMatchObject({
      code: 'AGENT_UNREACHABLE',
      message: expect.stringContaining('dead:1, dead:2') as unknown,
    });
    expect(held).toEqual([]);
  });

  test('asks no more once nobody waits for it', async () => {
    expect(await dialled(['dead:1', 'live:1'], () => false)).toMatchObject({ asked: [0], held: [] });
  });

  test('says what is wrong with the only address', async () => {
    expect((await dialled(['bad'])).outcome).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

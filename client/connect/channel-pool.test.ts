import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { nodeServerName } from '#common/node-server-name.js';
import { createChannelPool, type ChannelPool } from './channel-pool.js';

const address = '127.0.0.1:1';
let pool: ChannelPool;
afterEach(() => pool.close());

function open(maxLeases?: number): ChannelPool {
  pool = createChannelPool({
    credentialsFor: () => credentials.createInsecure(),
    ...(maxLeases === undefined ? {} : { maxLeases }),
  });
  return pool;
}

describe('a channel pool', () => {
  test('gives a fresh channel once one was retired, so that nobody waits for its reconnection backoff', () => {
    const first = open().lease(address, 'node-a');
    expect(pool.lease(address, 'node-a').client).toBe(first.client);
    first.retire();
    const next = pool.lease(address, 'node-a');
    expect(next.client).not.toBe(first.client);
    expect(pool.lease(address, 'node-a').client).toBe(next.client);
  });

  test('keeps a retired channel until its last session has gone', () => {
    const first = open().lease(address, 'node-a');
    const second = pool.lease(address, 'node-a');
    first.retire();
    first.release();
    first.release();
    expect(pool.size).toBe(1);
    second.release();
    expect(pool.size).toBe(0);
  });

  test('shares no channel between nodes, though they have the same address: each is verified by its own name', () => {
    const asked: string[] = [];
    pool = createChannelPool({
      credentialsFor: () => credentials.createInsecure(),
      serverNameOf: (node) => {
        asked.push(node);
        return nodeServerName(node);
      },
    });
    const clients = ['node-a', 'node-b', 'node-a', ''].map((node) => pool.lease(address, node).client);
    expect(new Set(clients).size).toBe(3);
    expect(asked).toEqual(['node-a', 'node-b', 'node-a', '']);
  });

  test('opens another channel when one has as many sessions as it may', () => {
    open(2);
    const clients = [1, 2, 3].map(() => pool.lease(address, 'node-a').client);
    expect(new Set(clients).size).toBe(2);
  });
});

import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
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
    const first = open().lease(address);
    expect(pool.lease(address).client).toBe(first.client);
    first.retire();
    const next = pool.lease(address);
    expect(next.client).not.toBe(first.client);
    expect(pool.lease(address).client).toBe(next.client);
  });

  test('keeps a retired channel until its last session has gone', () => {
    const first = open().lease(address);
    const second = pool.lease(address);
    first.retire();
    first.release();
    first.release();
    expect(pool.size).toBe(1);
    second.release();
    expect(pool.size).toBe(0);
  });

  test('opens another channel when one has as many sessions as it may', () => {
    open(2);
    const clients = [1, 2, 3].map(() => pool.lease(address).client);
    expect(new Set(clients).size).toBe(2);
  });
});

import { describe, expect, test } from '@jest/globals';
import { createLatch } from './time/latch.js';
import { createKeyedLock } from './keyed-lock.js';

describe('a keyed lock', () => {
  test('runs work of one key in order, and of other keys beside it', async () => {
    const lock = createKeyedLock();
    const first = createLatch();
    const log: string[] = [];
    const a = lock.run('a', async () => {
      await first.promise;
      log.push('a1');
    });
    const again = lock.run('a', () => Promise.resolve(log.push('a2')));
    await lock.run('b', () => Promise.resolve(log.push('b')));
    first.resolve();
    await Promise.all([a, again]);
    expect(log).toEqual(['b', 'a1', 'a2']);
  });

  test('goes on after work that failed, and tells the failure to whoever asked', async () => {
    const lock = createKeyedLock();
    await expect(lock.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(lock.run('a', () => Promise.resolve('yes'))).resolves.toBe('yes');
  });
});

import { describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { findSession, type FindSessionOptions } from './find-session.js';

const nodes = Array.from({ length: 20 }, (_, index) => `node-${index}`);
type Listed = Awaited<ReturnType<FindSessionOptions['list']>>;

const having = (sessionId: string): Listed[number] => ({ sessionId });

describe('finding a session', () => {
  test('asks eight nodes at a time until one has it', async () => {
    let now = 0;
    let most = 0;
    const asked: string[] = [];
    const list = async (node: string): Promise<Listed> => {
      asked.push(node);
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return node === 'node-9' ? [having('s')] : [having('other')];
    };
    expect(await findSession({ sessionId: 's', nodes, list })).toBe('node-9');
    expect(most).toBe(8);
    expect(asked).not.toContain('node-19');
  });

  test('does not wait for slow nodes once it is found', async () => {
    const never = createLatch<Listed>();
    const list = (node: string): Promise<Listed> =>
      node === 'node-1' ? Promise.resolve([having('s')]) : never.promise;
    expect(await findSession({ sessionId: 's', nodes: ['node-0', 'node-1'], list })).toBe('node-1');
  });

  test('says that it is nowhere only when every node has answered', async () => {
    const list = (): Promise<Listed> => Promise.resolve([]);
    await expect(findSession({ sessionId: 's', nodes, list })).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    const some = (node: string): Promise<Listed> =>
      node === 'node-3' ? Promise.reject(new PaneletError('TIMEOUT', 'It is slow.')) : Promise.resolve([]);
    await expect(findSession({ sessionId: 's', nodes, list: some })).rejects.toMatchObject({
      code: 'AGENT_UNREACHABLE',
      message: expect.stringContaining('not every node answered (node-3): It is slow.') as unknown,
    });
  });

  test('gives the reason of all when none answers', async () => {
    const list = (): Promise<Listed> => Promise.reject(new PaneletError('IDENTITY_REFUSED', 'No.'));
    await expect(findSession({ sessionId: 's', nodes, list })).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
  });
});

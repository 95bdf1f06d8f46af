import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { isPaneletError } from '#common/errors/errors.js';
import { settle } from '#test/support/settle.js';
import type { ReadChannel } from './channels.js';
import { createOutputStreams } from './output-streams.js';
import type { SessionItem } from './panelet-session.js';

const data = (channel: ReadChannel, content: string | Uint8Array): SessionItem => ({
  ...{ kind: 'data', seq: 1, channel },
  payload: Buffer.from(content),
});
const exit: SessionItem = { kind: 'exit', seq: 3, code: 7, signal: undefined };
const fin: SessionItem = { kind: 'fin', seq: 4 };

async function* from(items: readonly SessionItem[], error?: Error): AsyncGenerator<SessionItem> {
  for (const item of items) yield await Promise.resolve(item);
  if (error !== undefined) throw error;
}

describe('output streams', () => {
  test('keep what a program prints and its errors apart, and tell its exit', async () => {
    const items = [data('stdout', 'a'), data('stderr', 'x'), data('stdout', 'b'), exit, fin];
    const streams = createOutputStreams(from(items));
    expect(await Promise.all([text(streams.stdout), text(streams.stderr), streams.exit])).toEqual([
      'ab',
      'x',
      { code: 7, signal: undefined },
    ]);
  });

  test('take no more than their readers do', async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<SessionItem> {
      for (; given < 1000; given++) yield await Promise.resolve(data('stderr', Buffer.alloc(16_384)));
    }
    const streams = createOutputStreams(endless());
    await settle(100);
    expect(given).toBeLessThan(10);
    streams.stderr.destroy();
    expect(await text(streams.stdout)).toBe('');
    expect(given).toBe(1000);
  });

  test('fail where output is missing', async () => {
    const loss = { direction: 'output', code: 'WORKER_CRASHED', message: 'The worker crashed.' };
    const items = [data('stdout', 'a'), { kind: 'lost', loss } as unknown as SessionItem, fin];
    const streams = createOutputStreams(from(items));
    streams.stderr.on('error', () => undefined);
    const failure: unknown = await text(streams.stdout).catch((error: unknown) => error);
    expect(isPaneletError(failure, 'SESSION_LOST')).toBe(true);
    expect(await streams.exit).toBeUndefined();
  });

  test('fail as the session does', async () => {
    const streams = createOutputStreams(from([data('stderr', 'a')], new Error('cut')));
    streams.stdout.on('error', () => undefined);
    await expect(text(streams.stderr)).rejects.toThrow('cut');
  });
});

import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { createCounterPanel } from '#test/support/panels/counter-panel.js';
import { waitFor } from '#test/support/wait-for.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from './sdk.js';

// Real connections, on machines that may be busy.
jest.setTimeout(30_000);

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('the web streams of a session', () => {
  let node: RunningNode;
  let client: PaneletClient;
  let session: PaneletSession;

  beforeEach(async () => {
    node = await startRunningNode({ panels: [createEchoPanel()] });
    client = createPaneletClient({ address: node.address, token: 'secret' });
    session = await client.open({ panel: 'echo' });
  });
  afterEach(async () => {
    await client.close();
    await node.close();
  });

  test('carry what is piped into the one out of the other, over a cut, and its end', async () => {
    const pieces = Array.from({ length: 2_000 }, (_, index) => `${index} ${'x'.repeat(500)}\n`);
    const writing = ReadableStream.from(pieces).pipeTo(session.writable);
    let heard = '';
    for await (const bytes of session.readable) {
      if (heard === '') await node.kill().then(() => node.listen());
      heard += Buffer.from(bytes).toString();
    }
    await writing;
    expect(heard === pieces.join('')).toBe(true);
    expect(session.stats().resumes).toBe(1);
    expect([session.readable, session.writable]).toEqual([session.readable, session.writable]);
  });

  test('hold the worker back as long as nobody reads', async () => {
    const panel = createCounterPanel();
    await node.offer(panel);
    const counter = await client.open({ panel: 'counter', parameters: { count: '40000' } });
    const { readable } = counter;
    let before = 0;
    let looks = 0;
    await waitFor('it writes no more', () => {
      looks = before > 0 && before === panel.written ? looks + 1 : 0;
      before = panel.written;
      return looks > 20;
    });
    expect(panel.written * 64).toBeLessThan(1_200_000);
    expect((await text(readable)).split('\n')).toHaveLength(40_001);
  });

  test('drop what comes once nobody wants it, and the session goes on', async () => {
    await session.readable.cancel();
    for (let round = 0; round < 20; round++) await session.write(Buffer.alloc(64 * 1024));
    await session.flushed();
    expect(session.phase).toBe('attached');
  });

  test('fail with the session: whoever writes, or waits to', async () => {
    const writer = session.writable.getWriter();
    await writer.write('whole');
    await session.terminate();
    expect(await failureOf(writer.closed)).toMatchObject({ code: 'SESSION_ENDED' });
    expect(await failureOf(writer.write('late'))).toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('say nothing of an end of input when they are aborted', async () => {
    await failureOf(
      ReadableStream.from(
        (async function* () {
          yield await Promise.resolve('half');
          throw new Error('The source is gone.');
        })(),
      ).pipeTo(session.writable),
    );
    await session.write(' and half');
    await session.end();
    expect(await text(session.readable)).toBe('half and half');
  });

  test('are no second way to read a session that is iterated, nor the other way round', async () => {
    const other = await client.open({ panel: 'echo' });
    const items = other[Symbol.asyncIterator]();
    expect(() => other.readable).toThrow('Take the items of the iteration.');
    await session.readable.cancel();
    expect(() => session[Symbol.asyncIterator]()).toThrow('Read stdout and stderr.');
    await other.end();
    expect(await items.next()).toMatchObject({ value: { kind: 'fin' } });
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  createRawClient,
  echoCall,
  helloBytes,
  statusOfCall,
  type RawCall,
  type RawClient,
  type RawStream,
} from '#test/support/agent/raw-session.js';
import {
  aliceToken,
  startFront,
  type RunningFront,
  type RunningFrontOptions,
} from '#test/support/agent/running-front.js';
import { waitFor } from '#test/support/wait-for.js';
import { settle } from '#test/support/settle.js';

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});

async function start(options: RunningFrontOptions): Promise<{ front: RunningFront; client: RawClient }> {
  const front = await startFront(options);
  running.push(front);
  const client = createRawClient(front.address, { token: aliceToken });
  running.push(client);
  return { front, client };
}

function receive(stream: RawStream, count: number): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  return new Promise((resolve) => {
    stream.on('data', (message: Buffer) => {
      messages.push(message);
      if (messages.length === count) resolve(messages);
    });
  });
}

describe('the relay', () => {
  test('carries messages of many sizes both ways unchanged and in order', async () => {
    const { client } = await start({ attach: echoCall });
    const stream = client.open();
    const sent = [
      helloBytes('echo'),
      ...Array.from({ length: 300 }, (_, index) => randomBytes((index * 733) % 130_000)),
    ];
    const echoed = receive(stream, sent.length);
    for (const message of sent) {
      if (!stream.write(message)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    const received = await echoed;
    const hash = (all: Buffer[]) => createHash('sha256').update(Buffer.concat(all)).digest('hex');
    expect(received.map((message) => message.length)).toEqual(sent.map((message) => message.length));
    expect(hash(received)).toBe(hash(sent));
    const ended = statusOfCall(stream);
    stream.end();
    expect((await ended).code).toBe(status.OK);
  }, 30_000);

  test('delivers everything the worker wrote before it ended with OK', async () => {
    const { client } = await start({
      attach: (call) => {
        call.on('data', () => undefined);
        for (let index = 0; index < 500; index++) call.write(Buffer.alloc(1000, index % 256));
        call.end(trailing('panelet-end', 'yes'));
      },
    });
    const stream = client.open();
    const ended = statusOfCall(stream);
    const messages = receive(stream, 500);
    stream.write(helloBytes('echo'));
    expect(await messages).toHaveLength(500);
    const { code, metadata } = await ended;
    expect(code).toBe(status.OK);
    expect(metadata.get('panelet-end')).toEqual(['yes']);
  });

  test('passes on a status that comes without any message, with its metadata', async () => {
    const { client } = await start({
      attach: (call) => {
        const metadata = trailing('panelet-reason', 'CORDONED');
        call.emit('error', { code: status.UNAVAILABLE, details: 'später', metadata });
      },
    });
    const stream = client.open();
    stream.write(helloBytes('echo'));
    const { code, details, metadata } = await statusOfCall(stream);
    expect([code, details, metadata.get('panelet-reason')]).toEqual([status.UNAVAILABLE, 'später', ['CORDONED']]);
  });

  test('sets the verified identity and lets no other metadata of ours through', async () => {
    let seen: Metadata | undefined;
    const { front } = await start({
      attach: (call) => {
        seen = call.metadata;
        call.end();
      },
    });
    const liar = createRawClient(front.address, {
      token: aliceToken,
      metadata: {
        ...{ 'panelet-identity': 'root', 'panelet-roles': 'admin', 'panelet-agent': 'another' },
        ...{ 'panelet-agent-secret': 'x', 'x-other': 'y' },
      },
    });
    running.push(liar);
    const stream = liar.open();
    const ended = statusOfCall(stream);
    stream.resume();
    stream.write(helloBytes('echo'));
    await ended;
    expect(seen?.get('panelet-identity')).toEqual(['alice']);
    expect(seen?.get('panelet-roles')).toEqual(['client']);
    expect(seen?.get('panelet-agent')).toEqual(['an agent']);
    for (const key of ['panelet-agent-secret', 'x-other', 'authorization']) expect(seen?.get(key)).toEqual([]);
  });

  test('cancels the worker’s call when the client cancels, also while it is paused', async () => {
    let call: RawCall | undefined;
    const { client } = await start({
      attach: (opened) => {
        call = opened;
        opened.once('data', () => opened.pause());
      },
    });
    const stream = client.open();
    stream.on('error', () => undefined);
    stream.write(helloBytes('echo'));
    await waitFor('the worker gets the call', () => call !== undefined);
    for (let index = 0; index < 100 && stream.write(Buffer.alloc(64_000)); index++);
    stream.cancel();
    await waitFor('the worker sees the cancellation', () => call?.cancelled === true);
  });

  test('tells UNAVAILABLE when the worker’s socket goes, and works again with the next worker', async () => {
    const { front, client } = await start({});
    const first = await front.startWorker((call) => call.on('data', () => call.write(Buffer.from('one'))));
    const stream = client.open();
    const ended = statusOfCall(stream);
    const greeted = receive(stream, 1);
    stream.write(helloBytes('echo'));
    await greeted;
    first.close();
    const { code, metadata } = await ended;
    expect([code, metadata.get('panelet-reason')]).toEqual([status.UNAVAILABLE, ['WORKER_UNAVAILABLE']]);
    await front.startWorker(echoCall);
    const again = client.open();
    const echoed = receive(again, 1);
    again.write(helloBytes('echo'));
    expect(await echoed).toHaveLength(1);
    again.cancel();
    await statusOfCall(again);
  });

  test('stops the worker when the client does not read, within a bound, and loses nothing', async () => {
    let written = 0;
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(16 * 1024, 7);
    const { client } = await start({
      attach: (call) => {
        call.on('data', () => undefined);
        const pour = (): void => {
          while (written < total) {
            written += chunk.length;
            if (!call.write(chunk)) return void call.once('drain', pour);
          }
          call.end();
        };
        call.once('data', pour);
      },
    });
    const stream = client.open();
    const ended = statusOfCall(stream);
    stream.once('data', () => stream.pause());
    stream.write(helloBytes('echo'));
    await settled(() => written);
    // 256 KiB window and a little at each of the two hops, 16 messages in each gRPC end.
    expect(written).toBeLessThan(3 * 1024 * 1024);
    let received = chunk.length;
    stream.on('data', (message: Buffer) => {
      received += message.length;
    });
    stream.resume();
    expect((await ended).code).toBe(status.OK);
    expect(received).toBe(total);
  }, 30_000);

  test('stops the client when the worker does not read, within a bound', async () => {
    const { client } = await start({ attach: (call) => void call.once('data', () => call.pause()) });
    const stream = client.open();
    stream.on('error', () => undefined);
    let written = 0;
    stream.write(helloBytes('echo'));
    const chunk = Buffer.alloc(16 * 1024, 7);
    const pour = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += chunk.length;
        if (!stream.write(chunk)) return void stream.once('drain', pour);
      }
    };
    pour();
    await settled(() => written);
    expect(written).toBeLessThan(3 * 1024 * 1024);
    stream.cancel();
    await statusOfCall(stream);
  });
});

function trailing(key: string, value: string): Metadata {
  const metadata = new Metadata();
  metadata.set(key, value);
  return metadata;
}

/** Waits until a number has stayed the same for a while. */
async function settled(read: () => number): Promise<void> {
  const seen = { value: read(), times: 0 };
  while (seen.times < 200) {
    await settle(20);
    const value = read();
    seen.times = value === seen.value ? seen.times + 1 : 0;
    seen.value = value;
  }
}

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, constants, type ClientHttp2Stream, type ServerHttp2Session } from 'node:http2';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { createFakeConnection, type FakeConnection } from '#test/support/agent/fake-connection.js';
import { createUpstream, type Upstream } from './upstream.js';

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});

function socketIn(): string {
  const dir = mkdtempSync(join(tmpdir(), 'panelet-'));
  running.push({ close: () => rmSync(dir, { recursive: true }) });
  return join(dir, 'w.sock');
}

interface Running {
  readonly upstream: Upstream;
  readonly clock: FakeClock;
  /** Connections that the server has now. */
  readonly sessions: Set<ServerHttp2Session>;
  readonly open: (
    connection: FakeConnection,
    caller?: string,
    headers?: Record<string, string>,
  ) => Promise<ClientHttp2Stream>;
}

interface ServerOptions {
  readonly answers?: boolean;
  readonly maxConcurrentStreams?: number;
}

async function start({ answers = true, ...settings }: ServerOptions = {}): Promise<Running> {
  const socketPath = socketIn();
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    if (answers) stream.respond();
  });
  server.listen(socketPath);
  await once(server, 'listening');
  running.push({
    close: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  });
  const clock = createFakeClock();
  const upstream = createUpstream({ socketPath, clock });
  running.push(upstream);
  const open: Running['open'] = async (connection, caller = 'alice', headers = {}) => {
    const stream = await upstream.open({ connection, caller }, { ':method': 'POST', ':path': '/', ...headers });
    stream.on('error', () => undefined);
    return stream;
  };
  return { upstream, clock, sessions, open };
}

function closed(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.once('close', resolve);
  });
}

const limited = { code: 'LIMIT_EXCEEDED' };

describe('connections to a worker', () => {
  test('belong to one connection of a client and one caller', async () => {
    const { sessions, open } = await start();
    const [first, second] = [createFakeConnection(), createFakeConnection()];
    for (let count = 0; count < 10; count++) await open(first);
    expect(sessions.size).toBe(1);
    await open(first, 'bob');
    await open(second);
    expect(sessions.size).toBe(3);
  });

  test('end with the connection of the client, and leave no listener behind', async () => {
    const { sessions, open } = await start();
    const [first, second] = [createFakeConnection(), createFakeConnection()];
    const stream = await open(first);
    await open(second);
    first.end();
    await closed(stream);
    await waitFor('its connection ends', () => sessions.size === 1);
    expect([first.listeners, second.listeners]).toEqual([0, 1]);
  });

  test('carry a hundred streams each, four for a connection of a client', async () => {
    const { sessions, open } = await start();
    const connection = createFakeConnection();
    for (let count = 0; count < 400; count++) await open(connection);
    expect(sessions.size).toBe(4);
    await expect(open(connection)).rejects.toMatchObject(limited);
    await open(createFakeConnection());
    await open(connection, 'bob');
  });

  test('are sixteen for a caller, whose further clients share them', async () => {
    const { sessions, open } = await start();
    const clients = Array.from({ length: 40 }, () => createFakeConnection());
    for (const client of clients) await open(client);
    expect(sessions.size).toBe(16);
    await open(createFakeConnection(), 'bob');
    expect(sessions.size).toBe(17);
    for (const client of clients) client.end();
    await waitFor('all of the caller end', () => sessions.size === 1);
  });

  test('carry no more streams than the worker allows', async () => {
    const { sessions, open } = await start({ maxConcurrentStreams: 2 });
    const connection = createFakeConnection();
    await open(connection);
    for (let count = 1; count < 8; count++) await open(connection);
    expect(sessions.size).toBe(4);
    await expect(open(connection)).rejects.toMatchObject(limited);
  });

  test('are made again after the worker has ended them', async () => {
    const { sessions, open } = await start();
    const connection = createFakeConnection();
    const stream = await open(connection);
    for (const session of sessions) session.destroy();
    await closed(stream);
    await open(connection);
    expect(sessions.size).toBe(1);
  });

  test('are not used for new streams once the worker says goodbye, and streams on them go on', async () => {
    const { sessions, open } = await start();
    const connection = createFakeConnection();
    const stream = await open(connection);
    await once(stream, 'response');
    for (const session of sessions) session.close();
    if (stream.session !== undefined) await once(stream.session, 'goaway');
    expect((await open(connection)).session).not.toBe(stream.session);
    expect(stream.destroyed).toBe(false);
  });

  test('end when nobody has used them for a while', async () => {
    const { sessions, open, clock } = await start();
    const stream = await open(createFakeConnection());
    clock.advance(5_000);
    expect(sessions.size).toBe(1);
    stream.close();
    await closed(stream);
    clock.advance(5_000);
    await waitFor('it ends', () => sessions.size === 0);
    clock.advance(60_000);
    expect(clock.pending()).toBe(0);
  });

  test('do not carry headers that the worker has not read, beyond what a socket holds', async () => {
    const { sessions, open } = await start({ answers: false });
    const connection = createFakeConnection();
    const padding = 'x'.repeat(8 * 1024);
    for (let count = 0; count < 5; count++) await open(connection, 'alice', { padding });
    expect(sessions.size).toBe(1);
    for (let count = 5; count < 16; count++) await open(connection, 'alice', { padding });
    expect(sessions.size).toBe(4);
    await open(createFakeConnection(), 'bob', { padding });
  });

  test('carry sixteen streams of a caller that the worker has not taken up, and the others wait', async () => {
    const { upstream, open } = await start({ answers: false });
    const connection = createFakeConnection();
    const streams: ClientHttp2Stream[] = [];
    for (let count = 0; count < 16; count++) streams.push(await open(connection));
    const gone = new AbortController();
    const waiting = upstream.open({ connection, caller: 'alice' }, { ':method': 'POST', ':path': '/' }, gone.signal);
    await open(createFakeConnection(), 'bob');
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    const next = open(connection);
    streams[0]?.close();
    await expect(next).resolves.toBeDefined();
  });

  test('that are ended with a write that waits are gone at once', async () => {
    const socketPath = socketIn();
    // Says its settings, and reads nothing more.
    const server = createSocketServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(Buffer.from('000000040000000000', 'hex'));
      socket.once('data', () => socket.pause());
    });
    server.listen(socketPath);
    await once(server, 'listening');
    running.push({ close: () => server.close() });
    const upstream = createUpstream({ socketPath, clock: createFakeClock() });
    running.push(upstream);
    const connection = createFakeConnection();
    const stream = await upstream.open({ connection, caller: 'alice' }, { ':method': 'POST', ':path': '/' });
    stream.write(Buffer.alloc(1024 * 1024));
    connection.end();
    await closed(stream);
    await expect(upstream.open({ connection: createFakeConnection(), caller: 'alice' }, {})).resolves.toBeDefined();
  });
});

describe('streams that are broken off', () => {
  const breakOff = async ({ open }: Running, connection: FakeConnection, count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const stream = await open(connection);
      stream.close(constants.NGHTTP2_CANCEL);
      await closed(stream);
    }
  };

  test('cost their caller the right to open more for a while, and nobody else', async () => {
    const server = await start();
    const connection = createFakeConnection();
    await breakOff(server, connection, 200);
    await expect(server.open(connection)).rejects.toMatchObject(limited);
    await expect(server.open(createFakeConnection())).rejects.toMatchObject(limited);
    await server.open(connection, 'bob');
    server.clock.advance(1_000);
    await breakOff(server, connection, 20);
    await expect(server.open(connection)).rejects.toMatchObject(limited);
  });

  test('cost nothing when they end in order, or with the connection of their client', async () => {
    const server = await start();
    for (let round = 0; round < 5; round++) {
      const connection = createFakeConnection();
      const streams: ClientHttp2Stream[] = [];
      for (let count = 0; count < 90; count++) streams.push(await server.open(connection));
      connection.end();
      await Promise.all(streams.map(closed));
    }
    await server.open(createFakeConnection());
  });

  test('cost nothing when it is the worker that went away', async () => {
    const server = await start();
    const connection = createFakeConnection();
    for (let round = 0; round < 5; round++) {
      const streams: ClientHttp2Stream[] = [];
      for (let count = 0; count < 90; count++) streams.push(await server.open(connection));
      for (const session of server.sessions) session.destroy();
      await Promise.all(streams.map(closed));
    }
    await server.open(connection);
  });
});

describe('a worker that does not answer', () => {
  test('is not waited for longer than five seconds', async () => {
    const socketPath = socketIn();
    const server = createSocketServer((socket) => socket.on('error', () => undefined));
    server.listen(socketPath);
    await once(server, 'listening');
    running.push({ close: () => server.close() });
    const clock = createFakeClock();
    const upstream = createUpstream({ socketPath, clock });
    running.push(upstream);
    const opened = upstream.open({ connection: createFakeConnection(), caller: 'alice' }, {});
    await waitFor('the deadline beside the patrol', () => clock.pending() > 1);
    clock.advance(5_000);
    await expect(opened).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });

  test('is told at once where nobody listens', async () => {
    const upstream = createUpstream({ socketPath: socketIn(), clock: createFakeClock() });
    running.push(upstream);
    const opened = upstream.open({ connection: createFakeConnection(), caller: 'alice' }, {});
    await expect(opened).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
  });
});

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/clock.js';
import { createSilentLog } from '#common/log.js';
import { createTestCertificate, type TestCertificate } from '#test/support/agent/certificate.js';
import {
  createRawClient,
  echoCall,
  helloBytes,
  statusOfCall,
  type RawCall,
  type RawClientOptions,
  type RawStream,
} from '#test/support/agent/raw-session.js';
import {
  aliceToken,
  oscarToken,
  startFront,
  type RunningFront,
  type RunningFrontOptions,
} from '#test/support/agent/running-front.js';
import { until } from '#test/support/conditions.js';
import { openCertificateFiles } from '../tls/certificate-files.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import { openFront } from './front.js';

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});

async function start(options: RunningFrontOptions = { attach: echoCall }): Promise<RunningFront> {
  const front = await startFront(options);
  running.push(front);
  return front;
}

function open(front: RunningFront, options: RawClientOptions = { token: aliceToken }): RawStream {
  const client = createRawClient(front.address, options);
  running.push(client);
  return client.open();
}

async function refusalOf(stream: RawStream, first?: Buffer): Promise<[number, string | undefined]> {
  const ended = statusOfCall(stream);
  stream.resume();
  if (first !== undefined) stream.write(first);
  const { code, metadata } = await ended;
  return [code, metadata.get('panelet-reason')[0] as string | undefined];
}

async function echoes(stream: RawStream): Promise<void> {
  const hello = helloBytes('echo');
  stream.on('error', () => undefined);
  const answer = once(stream, 'data');
  stream.write(hello);
  expect(await answer).toEqual([hello]);
}

describe('who gets in', () => {
  test('nobody without a token, or with a wrong one', async () => {
    const front = await start();
    const refused = [status.UNAUTHENTICATED, 'IDENTITY_MISSING'];
    expect(await refusalOf(open(front, {}), helloBytes('echo'))).toEqual(refused);
    expect(await refusalOf(open(front, { token: 'wrong-token' }), helloBytes('echo'))).toEqual(refused);
  });

  test('no attachment for an identity that may only drive the gate', async () => {
    const front = await start();
    const refused = await refusalOf(open(front, { token: oscarToken }), helloBytes('echo'));
    expect(refused).toEqual([status.PERMISSION_DENIED, 'IDENTITY_REFUSED']);
  });

  test('a token that was added to the file, after a reload', async () => {
    const front = await start();
    await writeFile(front.identityFile, 'identities: [{ name: new, token: new-token, roles: [admin] }]\n');
    await front.identity.reload();
    await echoes(open(front, { token: 'new-token' }));
    expect((await refusalOf(open(front), helloBytes('echo')))[0]).toBe(status.UNAUTHENTICATED);
  });

  test('a broken identity file changes nothing', async () => {
    const front = await start();
    await writeFile(front.identityFile, 'identities: [{ name: new }]\n');
    await expect(front.identity.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await echoes(open(front));
  });

  test('something that does not speak gRPC is told so', async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    const request = session.request({ ':method': 'GET', ':path': '/' });
    const [headers] = (await once(request, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(415);
    session.destroy();
  });
});

describe('the first message', () => {
  const cases: [string, Buffer, number, string][] = [
    ['is not Frames', Buffer.from('ffffffffff', 'hex'), status.INVALID_ARGUMENT, 'FRAME_INVALID'],
    ['holds no Hello', Buffer.alloc(0), status.INVALID_ARGUMENT, 'FRAME_INVALID'],
    ['is larger than 128 KiB', Buffer.alloc(128 * 1024 + 1), status.INVALID_ARGUMENT, 'FRAME_INVALID'],
    ['names an unknown panel', helloBytes('nothing'), status.NOT_FOUND, 'PANEL_UNKNOWN'],
  ];
  test.each(cases)('that %s is refused', async (_what, message, code, reason) => {
    expect(await refusalOf(open(await start()), message)).toEqual([code, reason]);
  });

  test('is waited for no longer than its deadline', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock });
    const stream = open(front);
    const refused = refusalOf(stream);
    await until(() => clock.pending() > 1, 'the deadline runs beside the keepalive');
    clock.advance(10_000);
    expect(await refused).toEqual([status.INVALID_ARGUMENT, 'FRAME_INVALID']);
  });

  test('may be compressed, and is relayed as it came', async () => {
    let seen: string | undefined;
    const front = await start({
      attach: (call) => {
        seen = call.metadata.get('grpc-encoding')[0] as string | undefined;
        echoCall(call);
      },
    });
    const session = connectHttp2(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const request = session.request({
      ...{
        ':method': 'POST',
        ':path': '/panelet.session.v1.SessionService/Attach',
        'content-type': 'application/grpc',
      },
      ...{ 'grpc-encoding': 'gzip', te: 'trailers', authorization: `Bearer ${aliceToken}` },
    });
    const packed = gzipSync(helloBytes('echo'));
    const prefix = Buffer.from([1, 0, 0, 0, packed.length]);
    request.write(Buffer.concat([prefix, packed]));
    const [chunk] = (await once(request, 'data')) as [Buffer];
    // grpc-js decompresses, and the echo worker answers uncompressed.
    expect(chunk.subarray(5)).toEqual(helloBytes('echo'));
    expect(seen).toBeUndefined();
    request.close();
  });

  test('may arrive byte by byte', async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const request = session.request({
      ...{
        ':method': 'POST',
        ':path': '/panelet.session.v1.SessionService/Attach',
        'content-type': 'application/grpc',
      },
      ...{ te: 'trailers', authorization: `Bearer ${aliceToken}` },
    });
    const hello = helloBytes('echo');
    const message = Buffer.concat([Buffer.from([0, 0, 0, 0, hello.length]), hello]);
    const answer = once(request, 'data');
    for (const byte of message) {
      request.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toEqual([message]);
    request.close();
  });
});

describe('while the worker is not up', () => {
  test('an attachment is held, and goes through once it is', async () => {
    const front = await start({ attach: echoCall, up: false });
    const stream = open(front);
    const done = echoes(stream);
    await new Promise((resolve) => setTimeout(resolve, 100));
    front.setUp(true);
    await done;
    stream.cancel();
  });

  test('an attachment is held until its socket accepts, even if it was thought to be up', async () => {
    const front = await start({});
    const stream = open(front);
    const done = echoes(stream);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await front.startWorker(echoCall);
    await done;
    stream.cancel();
  });

  test('an attachment is refused after ten seconds, with the time to try again', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock, up: false });
    const stream = open(front);
    const ended = statusOfCall(stream);
    const before = clock.pending();
    stream.write(helloBytes('echo'));
    await until(() => clock.pending() > before, 'the hold has begun');
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(10_000);
    const { code, metadata } = await ended;
    expect([code, metadata.get('panelet-reason')]).toEqual([status.UNAVAILABLE, ['WORKER_UNAVAILABLE']]);
    expect(Number(metadata.get('panelet-retry-after-ms')[0])).toBeGreaterThan(0);
  });

  test('a client that cancels gives its place back and never reaches the worker', async () => {
    const calls: RawCall[] = [];
    const front = await start({ attach: (call) => calls.push(call), up: false, maxPendingAttaches: 1 });
    const first = open(front);
    first.on('error', () => undefined);
    first.write(helloBytes('echo'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await refusalOf(open(front), helloBytes('echo'))).toEqual([status.RESOURCE_EXHAUSTED, 'LIMIT_EXCEEDED']);
    first.cancel();
    await statusOfCall(first);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const next = open(front);
    next.on('error', () => undefined);
    next.write(helloBytes('echo'));
    front.setUp(true);
    await until(() => calls.length > 0, 'the next one is attached');
    expect(calls).toHaveLength(1);
    next.cancel();
  });
});

describe('limits', () => {
  test('more streams than a connection may have are refused with a status', async () => {
    const front = await start({ attach: echoCall, maxStreamsPerConnection: 2 });
    const client = createRawClient(front.address, { token: aliceToken });
    running.push(client);
    const kept = [client.open(), client.open()];
    for (const stream of kept) await echoes(stream);
    expect(await refusalOf(client.open(), helloBytes('echo'))).toEqual([status.RESOURCE_EXHAUSTED, 'LIMIT_EXCEEDED']);
    for (const stream of kept) stream.cancel();
  });

  test('more connections than allowed are closed, and the others go on', async () => {
    const front = await start({ attach: echoCall, maxConnections: 1 });
    const stream = open(front);
    await echoes(stream);
    expect((await refusalOf(open(front), helloBytes('echo')))[0]).toBe(status.UNAVAILABLE);
    expect(front.front.connections()).toBe(1);
    stream.cancel();
  });

  test('a connection that does not answer pings is closed', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock });
    const socket = connect(front.front.port, '127.0.0.1');
    running.push({ close: () => socket.destroy() });
    await until(() => front.front.connections() === 1, 'it is connected');
    clock.advance(30_000);
    clock.advance(10_000);
    await until(() => front.front.connections() === 0, 'it is closed');
  });
});

describe('the listener', () => {
  test('says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const deps = { log: createSilentLog(), clock: createFakeClock(), limits: (await start()).limits, route: rejectAll };
    await expect(openFront({ host: '127.0.0.1', port }, deps)).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    other.close();
  });

  test('serves TLS, and takes up another certificate without closing connections', async () => {
    const files = await createTestCertificate('first');
    running.push(files);
    const source = await openFiles(files);
    const front = await start({ attach: echoCall, tls: source });
    const trusting = (ca: Buffer): RawClientOptions => ({ token: aliceToken, credentials: credentials.createSsl(ca) });
    const first = await readFile(files.certFile);
    const before = open({ ...front, address: `localhost:${front.front.port}` }, trusting(first));
    await echoes(before);
    await files.renew('second');
    await source.reload();
    const after = open(
      { ...front, address: `localhost:${front.front.port}` },
      trusting(await readFile(files.certFile)),
    );
    await echoes(after);
    const again = once(before, 'data');
    before.write(Buffer.from('still here'));
    expect(await again).toEqual([Buffer.from('still here')]);
    before.cancel();
    after.cancel();
  });

  test('keeps the certificate in force when the new one cannot be read', async () => {
    const files = await createTestCertificate('only');
    running.push(files);
    const source = await openFiles(files);
    const front = await start({ attach: echoCall, tls: source });
    const ca = await readFile(files.certFile);
    await writeFile(join(files.dir, 'cert.pem'), 'not a certificate');
    await expect(source.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const stream = open(
      { ...front, address: `localhost:${front.front.port}` },
      { token: aliceToken, credentials: credentials.createSsl(ca) },
    );
    await echoes(stream);
    stream.cancel();
  });

  test('closes within its grace though a client keeps its half of the connection open', async () => {
    const front = await start();
    const socket = connect({ host: '127.0.0.1', port: front.front.port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    running.push({ close: () => socket.destroy() });
    await once(socket, 'connect');
    socket.resume();
    // What HTTP/2 begins with: the preface and an empty SETTINGS frame.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0');
    await until(() => front.front.connections() === 1, 'the connection');
    await expect(front.front.close(20)).resolves.toBeUndefined();
  });
});

async function openFiles(files: TestCertificate): Promise<CertificateSource> {
  const source = await openCertificateFiles({ files, clock: createFakeClock(), log: createSilentLog() });
  running.push(source);
  return source;
}

function rejectAll(): Promise<void> {
  return Promise.reject(new Error('closed'));
}

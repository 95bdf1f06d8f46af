import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectHttp2, type ClientHttp2Stream, type Settings } from 'node:http2';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { createSilentLog } from '#common/log.js';
import { createSeededRandom } from '#common/random.js';
import { callHeaders } from '#test/attack/call-headers.js';
import { createFrameReader } from '#test/attack/frame-reader.js';
import { frame, frameType, headersFrames, messageFrame, preface, settingsFrame } from '#test/attack/wire.js';
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
  bobToken,
  oscarToken,
  startFront,
  type RunningFront,
  type RunningFrontOptions,
} from '#test/support/agent/running-front.js';
import { waitFor } from '#test/support/wait-for.js';
import { settle } from '#test/support/settle.js';
import { openCertificateFiles } from '../tls/certificate-files.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import { createCallRates } from './turns/call-rates.js';
import { createContainment } from './stream/contain.js';
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

/** Lets seconds pass, one by one: in between, connections write what they have to write. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1_000);
    await settle(2);
  }
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

  test('nobody whose token was removed after their call began and before they said what they want', async () => {
    const front = await start();
    const client = createRawClient(front.address, { token: aliceToken });
    running.push(client);
    const slow = client.open();
    // Behind it on the same connection: the agent has verified both.
    await echoes(client.open());
    await writeFile(front.identityFile, 'identities: [{ name: new, token: new-token, roles: [client] }]\n');
    await front.identity.reload();
    expect(await refusalOf(slow, helloBytes('echo'))).toEqual([status.PERMISSION_DENIED, 'IDENTITY_REFUSED']);
  });

  test('a broken identity file changes nothing', async () => {
    const front = await start();
    await writeFile(front.identityFile, 'identities: [{ name: new }]\n');
    await expect(front.identity.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await echoes(open(front));
  });

  test('a method that the agent does not have goes no further, however long its path is', async () => {
    const front = await start({ attach: echoCall });
    const session = connectHttp2(`http://${front.address}`);
    const paths = [`/${'p'.repeat(16_000)}`, '/panelet.worker.v1.WorkerService/Shutdown'];
    for (const path of paths) {
      const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
      const request = session.request({ ...headers, authorization: `Bearer ${aliceToken}` });
      const [answer] = (await once(request, 'response')) as [Record<string, unknown>];
      expect([answer['grpc-status'], answer['grpc-message']]).toEqual(['12', 'The agent has no such method.']);
    }
    session.destroy();
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
    await waitFor('the deadline runs beside the three timers of the connection', () => clock.pending() > 3);
    await pass(clock, 10);
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

  test('an attachment is expected by who watches rights from before it is permitted', async () => {
    const seen: string[] = [];
    const expectOne: NonNullable<RunningFrontOptions['expect']> = () => {
      seen.push('expected');
      return ({ caller, wish }) => {
        seen.push(`${caller.name} is in ${wish.panel}`);
        return () => seen.push('forgotten');
      };
    };
    const front = await start({ attach: echoCall, up: false, expect: expectOne });
    const stream = open(front);
    const answer = echoes(stream);
    await waitFor('the attachment is expected', () => seen.length > 0);
    front.setUp(true);
    await answer;
    expect(seen).toEqual(['expected', 'alice is in echo']);
    stream.cancel();
    await waitFor('the attachment is forgotten', () => seen.length > 2);
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

  test('an agent that goes refuses at once who is attached and may find another one', async () => {
    const front = await start({ attach: echoCall, clock: createFakeClock(), up: false, isHolding: true });
    const refusal = await refusalOf(open(front), helloBytes('echo', {}, 'move'));
    expect(refusal).toEqual([status.UNAVAILABLE, 'WORKER_UNAVAILABLE']);
  });

  test('an attachment is refused after ten seconds, with the time to try again', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock, up: false });
    const stream = open(front);
    const ended = statusOfCall(stream);
    let isOver = false;
    void ended.then(() => (isOver = true));
    stream.write(helloBytes('echo'));
    let seconds = 0;
    // Some may pass before the hold begins.
    await waitFor('the refusal', async () => {
      if (!isOver) await pass(clock, 1);
      if (!isOver) seconds++;
      return isOver;
    });
    expect(seconds).toBeGreaterThanOrEqual(9);
    const { code, metadata } = await ended;
    expect([code, metadata.get('panelet-reason')]).toEqual([status.UNAVAILABLE, ['WORKER_UNAVAILABLE']]);
    expect(Number(metadata.get('panelet-retry-after-ms')[0])).toBeGreaterThan(0);
  });

  test('a client that cancels gives its place back and never reaches the worker', async () => {
    const calls: RawCall[] = [];
    const front = await start({ attach: (call) => calls.push(call), up: false, maxPendingAttaches: 1 });
    const first = open(front);
    first.write(helloBytes('echo'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.cancel();
    await statusOfCall(first);
    const next = open(front);
    next.on('error', () => undefined);
    next.write(helloBytes('echo'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    front.setUp(true);
    await waitFor('the next one is attached', () => calls.length > 0);
    expect(calls).toHaveLength(1);
    next.cancel();
  });

  test('when too many wait, the caller of most of them loses the oldest, and a newcomer waits', async () => {
    const calls: RawCall[] = [];
    const front = await start({ attach: (call) => calls.push(call), up: false, maxPendingAttaches: 2 });
    const crowd = [open(front), open(front)];
    const [oldest] = crowd;
    if (oldest === undefined) throw new Error('nobody waits');
    const lost = refusalOf(oldest, helloBytes('echo'));
    for (const stream of crowd) stream.on('error', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    crowd[1]?.write(helloBytes('echo'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const newcomer = open(front, { token: bobToken });
    newcomer.on('error', () => undefined);
    newcomer.write(helloBytes('echo'));
    expect(await lost).toEqual([status.RESOURCE_EXHAUSTED, 'LIMIT_EXCEEDED']);
    front.setUp(true);
    await waitFor('the others are attached', () => calls.length === 2);
    for (const stream of [...crowd, newcomer]) stream.cancel();
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

  test('when there are too many connections, the caller of most of them loses one without streams first', async () => {
    const front = await start({ attach: echoCall, maxConnections: 3 });
    const busy = open(front);
    await echoes(busy);
    const idle = createRawClient(front.address, { token: aliceToken });
    running.push(idle);
    const past = idle.open();
    await echoes(past);
    past.cancel();
    await statusOfCall(past);
    const newcomer = open(front, { token: bobToken });
    await echoes(newcomer);
    await waitFor('one made room', () => front.front.connections() === 2);
    const again = once(busy, 'data');
    busy.write(Buffer.from('still here'));
    expect(await again).toEqual([Buffer.from('still here')]);
    for (const stream of [busy, newcomer]) stream.cancel();
  });

  test('strangers make room for a newcomer, oldest first, and nobody who was let in does', async () => {
    const front = await start({ attach: echoCall, maxConnections: 24 });
    const busy = open(front);
    await echoes(busy);
    const strangers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = connect(front.front.port, '127.0.0.1');
        socket.on('error', () => undefined);
        running.push({ close: () => socket.destroy() });
        await once(socket, 'connect');
        return socket;
      }),
    );
    await waitFor('an eighth of the places is for strangers', () => front.front.connections() === 4);
    const newcomer = open(front);
    await echoes(newcomer);
    const again = once(busy, 'data');
    busy.write(Buffer.from('still here'));
    expect(await again).toEqual([Buffer.from('still here')]);
    for (const stream of [busy, newcomer]) stream.cancel();
    for (const socket of strangers) socket.destroy();
  });

  test('a connection that says nothing is closed', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock });
    const socket = connect(front.front.port, '127.0.0.1');
    running.push({ close: () => socket.destroy() });
    await waitFor('it is connected', () => front.front.connections() === 1);
    clock.advance(10_000);
    await waitFor('it is closed', () => front.front.connections() === 0);
  });

  // nghttp2 gives such a connection up without a word to Node, which then neither reads nor ends it.
  test.each([
    ['a frame of the wrong size', '000004 04 00 00000000 01020304'],
    ['a header block that cannot be decoded', '000000 04 00 00000000 000001 01 05 00000001 ff'],
  ])('a stranger’s connection with %s is ended', async (_what, frames) => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock });
    const socket = connect(front.front.port, '127.0.0.1');
    socket.on('error', () => undefined);
    running.push({ close: () => socket.destroy() });
    socket.write(Buffer.concat([preface, Buffer.from(frames.replaceAll(' ', ''), 'hex')]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // Its own SETTINGS, then GOAWAY.
    expect(answer.includes(Buffer.from('0000080700', 'hex'))).toBe(true);
    await waitFor('it is ended', () => {
      clock.advance(1_000);
      return front.front.connections() === 0;
    });
  });

  test('nobody is let in on a connection on which five callers could not prove who they are', async () => {
    const front = await start();
    const client = createRawClient(front.address, { token: 'wrong-token' });
    running.push(client);
    for (let count = 0; count < 5; count++) await refusalOf(client.open(), helloBytes('echo'));
    await waitFor('it is ended', () => front.front.connections() === 0);
  });

  test('wrong tokens do not end a connection on which somebody was let in', async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const attach = (token: string): ClientHttp2Stream =>
      session.request({
        ...{ ':method': 'POST', ':path': '/panelet.session.v1.SessionService/Attach' },
        ...{ 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${token}` },
      });
    const kept = attach(aliceToken);
    kept.on('error', () => undefined);
    const hello = helloBytes('echo');
    const message = Buffer.concat([Buffer.from([0, 0, 0, 0, hello.length]), hello]);
    kept.write(message);
    await once(kept, 'data');
    for (let count = 0; count < 8; count++) {
      const refused = attach('wrong-token');
      const [headers] = (await once(refused, 'response')) as [Record<string, unknown>];
      expect(headers['grpc-status']).toBe(String(status.UNAUTHENTICATED));
      refused.close();
    }
    kept.write(message);
    await once(kept, 'data');
    kept.close();
  });

  test('headers of more than 24 KiB end their stream', async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const request = session.request({ ':method': 'POST', ':path': '/x', padding: 'x'.repeat(25 * 1024) });
    const [error] = (await once(request, 'error')) as [Error];
    expect(error.message).toMatch(/ENHANCE_YOUR_CALM/);
  });

  test('a stranger has eight streams, and as many as the limit says once it was let in', async () => {
    const front = await start();
    const session = connectHttp2(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const seen: (number | undefined)[] = [];
    session.on('remoteSettings', (settings: Settings) => seen.push(settings.maxConcurrentStreams));
    await once(session, 'remoteSettings');
    const request = session.request({
      ...{ ':method': 'POST', ':path': '/panelet.session.v1.SessionService/Attach' },
      ...{ 'content-type': 'application/grpc', authorization: `Bearer ${aliceToken}` },
    });
    request.on('error', () => undefined);
    await waitFor('the settings after', () => seen.length === 2);
    expect(seen).toEqual([8, 200]);
    request.close();
  });

  test('a connection that errs after somebody was let in on it is closed within some looks at it', async () => {
    const clock = createFakeClock();
    const begun = createLatch();
    const front = await start({ attach: () => begun.resolve(), clock });
    const socket = connect(front.front.port, '127.0.0.1');
    running.push({ close: () => socket.destroy() });
    const headers = callHeaders({ tls: false, token: aliceToken }, '/panelet.session.v1.SessionService/Attach');
    const hello = messageFrame(1, helloBytes('echo'));
    socket.write(Buffer.concat([preface, settingsFrame(), headersFrames(1, headers, false), hello]));
    await begun.promise;
    const goneAway = createLatch();
    const reader = createFrameReader(({ type }) => {
      if (type === frameType.goAway) goneAway.resolve();
    });
    socket.on('data', reader);
    // Of which nghttp2 tells Node nothing: it neither reads nor writes any more.
    socket.write(frame({ type: frameType.settings, flags: 0, stream: 0 }, Buffer.alloc(5)));
    await goneAway.promise;
    for (let looks = 0; looks < 4; looks++) clock.advance(5_000);
    await waitFor('it is closed', () => front.front.connections() === 0);
  });

  test('a connection that does not answer pings is closed', async () => {
    const clock = createFakeClock();
    const front = await start({ attach: echoCall, clock });
    const socket = connect(front.front.port, '127.0.0.1');
    running.push({ close: () => socket.destroy() });
    socket.write(Buffer.concat([preface, Buffer.from('000000040000000000', 'hex')]));
    await once(socket, 'data');
    clock.advance(30_000);
    clock.advance(10_000);
    await waitFor('it is closed', () => front.front.connections() === 0);
  });
});

describe('the listener', () => {
  test('says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const log = createSilentLog();
    const deps = {
      ...{
        log,
        clock: createFakeClock(),
        random: createSeededRandom(1),
        rates: createCallRates({ clock: createFakeClock(), perSecond: 500 }),
        containment: createContainment({ log }),
        node: 'node-a',
      },
      ...{ limits: (await start()).limits, route: rejectAll },
    };
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
    // What HTTP/2 begins with, and an empty SETTINGS frame.
    socket.write(Buffer.concat([preface, Buffer.from('000000040000000000', 'hex')]));
    await waitFor('the connection', () => front.front.connections() === 1);
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

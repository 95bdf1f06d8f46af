import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type ServerHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeClock } from '#common/time/clock.js';
import { helloBytes } from '#test/support/agent/raw-session.js';
import { aliceToken, startFront } from '#test/support/agent/running-front.js';
import { createFakeConnection } from '#test/support/agent/fake-connection.js';
import { createUpstream } from './upstream/upstream.js';

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.close();
});

// Node's HTTP/2 does not read from a socket while a write waits for it: two such ends that both wait never read again,
// and every session of the connection stands still until one of them dies. So one direction never has to wait.
describe('what the agent grants', () => {
  test('a client’s connection always fits into the buffers of a socket', async () => {
    const front = await startFront({ attach: (call) => call.end() });
    running.push(front);
    const session = connect(`http://${front.address}`);
    running.push({ close: () => session.destroy() });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/panelet.session.v1.SessionService/Attach',
      'content-type': 'application/grpc',
      authorization: `Bearer ${aliceToken}`,
    });
    stream.resume();
    const hello = helloBytes('echo');
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(hello.length, 1);
    stream.end(Buffer.concat([prefix, hello]));
    await once(stream, 'end');
    expect(session.state.remoteWindowSize).toBeLessThanOrEqual(64 * 1024);
  });

  test('a worker’s connection leaves room for the window updates on the way back', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'panelet-'));
    running.push({ close: () => rmSync(dir, { recursive: true }) });
    const socketPath = join(dir, 'w.sock');
    let session: ServerHttp2Session | undefined;
    const server = createServer();
    running.push({ close: () => server.close() });
    server.on('session', (opened) => (session = opened));
    server.on('stream', (stream) => {
      stream.respond();
      stream.end();
    });
    server.listen(socketPath);
    await once(server, 'listening');
    const upstream = createUpstream({ socketPath, clock: createFakeClock() });
    running.push(upstream);
    const stream = await upstream.open(
      { connection: createFakeConnection(), caller: 'alice' },
      { ':method': 'POST', ':path': '/' },
    );
    stream.resume();
    stream.end('x');
    await once(stream, 'end');
    expect(session?.state.remoteWindowSize).toBeGreaterThan(64 * 1024);
    expect(session?.state.remoteWindowSize).toBeLessThanOrEqual(1024 * 1024);
  });
});

import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { HealthCheckResponse, HealthCheckResponse_ServingStatus as ServingStatus } from '#grpc/health/v1/health.js';
import { waitFor } from '#test/support/wait-for.js';
import { probeGrpc } from './grpc-probe.js';

const clock = createSystemClock({ keepsAlive: true });
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server whose connections can be counted. */
async function serve(answer: (stream: ServerHttp2Stream) => void) {
  const http = createHttp2Server();
  http.on('stream', (stream) => {
    stream.on('error', () => undefined);
    answer(stream);
  });
  const server = createServer((socket) => http.emit('connection', socket));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const connections = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  const probe = (timeoutMs = 30_000) =>
    probeGrpc({ address: `127.0.0.1:${port}`, service: 'a.service', timeoutMs, clock });
  return { probe, connections };
}

function answerWith(status: ServingStatus) {
  return (stream: ServerHttp2Stream): void => {
    const message = HealthCheckResponse.encode({ status }).finish();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  };
}

test('a server that serves has no failure, another says what it answered', async () => {
  const healthy = await serve(answerWith(ServingStatus.SERVING));
  expect(await healthy.probe()).toBeUndefined();
  const sick = await serve(answerWith(ServingStatus.NOT_SERVING));
  expect(await sick.probe()).toBe('service unhealthy (responded with "NOT_SERVING")');
  const other = await serve((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  expect(await other.probe()).toBe('gRPC probe failed: rpc error: code = 12');
});

test('nothing that listens is a failure', async () => {
  expect(await probeGrpc({ address: '127.0.0.1:1', service: '', timeoutMs: 30_000, clock })).toMatch(
    /^gRPC probe failed: .*ECONNREFUSED/,
  );
});

test('a connection whose server does not answer is gone when the probe has failed', async () => {
  const mute = await serve(() => undefined);
  expect(await mute.probe(100)).toBe('gRPC probe failed: timeout: no answer within 100 ms');
  await waitFor('no connection', async () => (await mute.connections()) === 0, 30_000);
});

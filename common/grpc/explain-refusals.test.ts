import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Metadata, Server, ServerCredentials, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { explainRefusals } from './explain-refusals.js';

const limitBytes = 10_000;
const asIs = (bytes: Buffer): Buffer => bytes;
const types = {
  requestSerialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
  requestDeserialize: (bytes: Buffer): Buffer => {
    if (bytes[0] === 0xff) throw new Error('not a message');
    return bytes;
  },
};
const definition = {
  ask: { path: '/x.X/Ask', requestStream: false, responseStream: false, ...types },
  wait: { path: '/x.X/Wait', requestStream: false, responseStream: false, ...types },
  refuse: { path: '/x.X/Refuse', requestStream: false, responseStream: false, ...types },
  talk: { path: '/x.X/Talk', requestStream: true, responseStream: true, ...types },
};

let dir: string;
let server: Server;
let session: ClientHttp2Session;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'panelet-refusals-'));
  server = new Server({ 'grpc.max_receive_message_length': limitBytes, interceptors: [explainRefusals] });
  server.addService(definition, {
    ask: (_call: unknown, callback: (error: null, bytes: Buffer) => void) => callback(null, Buffer.of(1)),
    wait: () => undefined,
    refuse: (_call: unknown, callback: (error: object) => void) =>
      callback({ code: status.INTERNAL, details: 'its own words' }),
    talk: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.sendMetadata(new Metadata());
      call.on('data', (bytes: Buffer) => call.write(bytes));
      call.on('error', () => undefined);
    },
  });
  const path = join(dir, 'socket');
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  session = connect('http://localhost', { createConnection: () => connectSocket(path) });
});
afterAll(async () => {
  session.destroy();
  server.forceShutdown();
  await rm(dir, { recursive: true, force: true });
});

function framed(message: Uint8Array, flag: 0 | 1 = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function ask(method: string, body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<unknown> {
  const stream = session.request({
    ...{ ':method': 'POST', ':path': `/x.X/${method}`, 'content-type': 'application/grpc', te: 'trailers' },
    ...headers,
  });
  const seen: IncomingHttpHeaders = {};
  stream.on('response', (block) => void Object.assign(seen, block));
  stream.on('trailers', (block: IncomingHttpHeaders) => void Object.assign(seen, block));
  stream.on('error', () => undefined);
  stream.resume();
  stream.end(body);
  await new Promise((resolve) => stream.once('close', resolve));
  return [Number(seen['grpc-status']), seen['panelet-reason']];
}

const invalid = [status.INVALID_ARGUMENT, 'FRAME_INVALID'];
const bomb = framed(gzipSync(Buffer.alloc(limitBytes * 10)), 1);

describe.each(['Ask', 'Talk'])('a request of %s is INVALID_ARGUMENT with a reason', (method) => {
  test.each<[string, Buffer, OutgoingHttpHeaders]>([
    ['over the limit', framed(Buffer.alloc(limitBytes + 1)), {}],
    ['over the limit by what it says', framed(Buffer.alloc(limitBytes + 1)).subarray(0, 100), {}],
    ['over the limit once decompressed', bomb, { 'grpc-encoding': 'gzip' }],
    ['that is no message', framed(Buffer.of(0xff)), {}],
    ['that cannot be decompressed', framed(Buffer.of(1, 2, 3), 1), { 'grpc-encoding': 'gzip' }],
    ['compressed in an unknown way', framed(Buffer.of(1, 2, 3), 1), { 'grpc-encoding': 'snappy' }],
    ['with a timeout that is none', framed(Buffer.of(1)), { 'grpc-timeout': 'soon' }],
  ])('%s', async (_name, body, headers) => {
    expect(await ask(method, body, headers)).toEqual(invalid);
  });
});

test('a unary call without a message, or with two, is INVALID_ARGUMENT with a reason', async () => {
  expect(await ask('Ask', Buffer.alloc(0))).toEqual(invalid);
  expect(await ask('Ask', Buffer.concat([framed(Buffer.of(1)), framed(Buffer.of(2))]))).toEqual(invalid);
});

test('a call that is not answered in time is DEADLINE_EXCEEDED with a reason', async () => {
  expect(await ask('Wait', framed(Buffer.of(1)), { 'grpc-timeout': '1m' })).toEqual([
    status.DEADLINE_EXCEEDED,
    'TIMEOUT',
  ]);
});

test('what a handler answers stays as it is', async () => {
  expect(await ask('Ask', framed(Buffer.alloc(limitBytes)))).toEqual([status.OK, undefined]);
  expect(await ask('Refuse', framed(Buffer.of(1)))).toEqual([status.INTERNAL, undefined]);
});

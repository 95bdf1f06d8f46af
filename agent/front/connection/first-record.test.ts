import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { firstRecordBytes } from './first-record.js';

let server: Server;
let client: Socket;
let socket: Socket;
beforeEach(async () => {
  server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [socket] = (await accepted) as [Socket];
  // As the door does: it reads ahead, and nothing is taken.
  socket.on('readable', () => undefined);
});
afterEach(() => {
  client.destroy();
  socket.destroy();
  server.close();
});

async function say(...bytes: readonly number[]): Promise<void> {
  const before = socket.readableLength;
  client.write(Buffer.from(bytes));
  await waitFor('it arrives', () => socket.readableLength === before + bytes.length);
}

test('a handshake can begin when its first record is complete, and nothing is taken before', async () => {
  await say(0x16, 3, 1);
  expect(firstRecordBytes(socket)).toBeUndefined();
  await say(1, 0, 1, 2, 3);
  expect(firstRecordBytes(socket)).toBe(5 + 256);
  expect(socket.read()).toEqual(Buffer.from([0x16, 3, 1, 1, 0, 1, 2, 3]));
});

test('of a long record, so much as a socket reads ahead is enough', async () => {
  await say(0x16, 3, 1, 0xff, 0xff);
  expect(firstRecordBytes(socket)).toBe(8 * 1024);
});

test('what is no handshake is for TLS to end, at once', async () => {
  await say(...Buffer.from('GET / HTTP/1.1'));
  expect(firstRecordBytes(socket)).toBe(5);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createWorkerSocket } from './worker-socket.js';

let dir: string;
const servers: Server[] = [];
const at = (name: string): string => join(dir, name);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pa-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await close(server);
  rmSync(dir, { recursive: true, force: true });
});

async function listen(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(at(name), resolve));
  return server;
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

test('nobody is there only when nobody is in any of the places', async () => {
  const socket = createWorkerSocket(() => [at('own'), at('earlier')]);
  expect(await socket.find()).toEqual({ kind: 'absent' });
  expect(socket.path).toBe(at('own'));
});

test('one that is sure to be nowhere else is found where it was before, and where it belongs once it is there', async () => {
  const socket = createWorkerSocket(() => [at('own'), at('earlier')]);
  const earlier = await listen('earlier');
  expect(await socket.find()).toBe('open');
  expect(socket.path).toBe(at('earlier'));
  await listen('own');
  expect(await socket.find()).toBe('open');
  expect(socket.path).toBe(at('own'));
  await close(earlier);
});

test('a place that cannot be looked at proves nothing', async () => {
  // A path that leads through a socket is ENOTDIR, which says nothing about who listens.
  await listen('file');
  const socket = createWorkerSocket(() => [join(at('file'), 'own'), at('earlier')]);
  expect(await socket.find()).toMatchObject({ kind: 'unknown' });
  await listen('earlier');
  expect(await socket.find()).toBe('open');
});

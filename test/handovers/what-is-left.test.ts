import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { whatIsLeft } from './what-is-left.js';

const id = '11111111-1111-4111-8111-111111111111';
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pl-'));
  mkdirSync(join(directory, 'state', 'sessions', 'echo', 'instances'), { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('nothing is left where all have ended', async () => {
  expect(await whatIsLeft(directory)).toEqual([]);
});

test('a process, a socket that somebody listens on and a session are', async () => {
  mkdirSync(join(directory, 'state', 'sessions', 'echo', id));
  const server = createServer().listen(join(directory, 'lock-1'));
  await once(server, 'listening');
  const code = 'setInterval(() => undefined, 1_000)';
  const child = spawn(process.execPath, ['-e', code, join(directory, 'x.sock')], { stdio: 'ignore' });
  try {
    await waitFor('all three', async () => (await whatIsLeft(directory)).length === 3);
    const left = (await whatIsLeft(directory)).join('\n');
    for (const what of [`process ${child.pid}: `, `open socket ${directory}/lock-1`, `session ${id}`]) {
      expect(left).toContain(what);
    }
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
    server.close();
  }
});

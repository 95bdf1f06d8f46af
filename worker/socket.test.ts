import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareSocket } from './socket.js';

describe('preparing a socket', () => {
  let dir: string;
  let server: Server | undefined;
  const path = (): string => join(dir, 'run', 'a.sock');

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ps-'));
  });
  afterEach(async () => {
    server?.close();
    server = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  test('makes its directory, closed to others', async () => {
    await prepareSocket(path());
    expect((await stat(join(dir, 'run'))).mode & 0o777).toBe(0o700);
  });

  test('refuses a directory that is open to others', async () => {
    await prepareSocket(path());
    await chmod(join(dir, 'run'), 0o755);
    await expect(prepareSocket(path())).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('leaves a socket alone that somebody answers on', async () => {
    await prepareSocket(path());
    server = createServer().listen(path());
    await once(server, 'listening');
    await expect(prepareSocket(path())).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    expect((await stat(path())).isSocket()).toBe(true);
  });

  test('refuses a path that is something else, or too long', async () => {
    await prepareSocket(path());
    await writeFile(path(), 'precious');
    await expect(prepareSocket(path())).rejects.toThrow('not a socket');
    await expect(prepareSocket(join(dir, 'x'.repeat(120)))).rejects.toThrow('longer than 107');
  });
});

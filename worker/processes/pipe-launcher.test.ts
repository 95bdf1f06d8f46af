import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { waitFor } from '#test/support/wait-for.js';
import { pipeLauncher } from './pipe-launcher.js';
import { createSessionProcesses } from './session-processes.js';
import { forkPty } from './pty-fork.js';

// Real processes, on machines that may be busy.
jest.setTimeout(60_000);

describe('what stands before a program on pipes', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'panelet-launcher-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('ends without it when nobody has taken the pipes', async () => {
    const file = join(dir, 'ran');
    const args = ['--wait', '/bin/sh', '-c', pipeLauncher, 'launcher', '/usr/bin/touch', file];
    const environment = { PATH: process.env['PATH'] ?? '' };
    const table = createSessionProcesses();
    const { fd, pid } = forkPty(
      { file: '/usr/bin/setsid', args, environment, cwd: '/', rows: 24, cols: 80 },
      () => undefined,
    );
    const terminal = new ReadStream(fd);
    let said = '';
    terminal.on('error', () => undefined).on('data', (bytes: Buffer) => (said += bytes.toString()));
    await waitFor('it is ready', () => /^R\d+/.test(said));
    const launcher = Number(/^R(\d+)/.exec(said)?.[1]);
    // As the worker does where it cannot open their other ends.
    table.signal(pid, 'SIGKILL');
    terminal.destroy();
    await waitFor('it has ended', () => table.find(launcher) === undefined);
    expect(existsSync(file)).toBe(false);
  });
});

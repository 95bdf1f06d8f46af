import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { cliEnvironment, cliProgram } from '#test/support/cli-user.js';
import { startRunningNode, type RunningNode } from '#test/support/node/running-node.js';
import { createShellPanel } from '#test/support/panels/shell-panel.js';
import { createEchoPanel } from '#worker/panels/echo/echo.js';

// Real processes, on machines that may be busy.
jest.setTimeout(30_000);

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

describe('standard output of every command', () => {
  let home: string;
  let env: Record<string, string>;
  let node: RunningNode;

  const run = (args: readonly string[], stdout: 'full' | 'closed', input = ''): Promise<Ended> => {
    const full = stdout === 'full' ? openSync('/dev/full', 'w') : undefined;
    const child = spawn(process.execPath, [cliProgram, ...args], { env, stdio: ['pipe', full ?? 'pipe', 'pipe'] });
    if (full !== undefined) closeSync(full);
    child.stdout?.destroy();
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })));
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'panelet-cli-'));
    node = await startRunningNode({ panels: [createShellPanel(), createEchoPanel()] });
    env = cliEnvironment(home, { PANELET_ADDRESS: node.address, PANELET_TOKEN: 'secret' });
  });
  afterEach(async () => {
    await node.close();
    await rm(home, { recursive: true, force: true });
  });

  const commands = [
    { args: ['version'], input: '' },
    { args: ['--help'], input: '' },
    { args: ['completion', 'bash'], input: '' },
    { args: ['ls'], input: '' },
    { args: ['sessions', '--output', 'json'], input: '' },
    { args: ['attach', 'echo', '--no-tty'], input: 'hello\n' },
  ];

  test.each(commands)('$args: a full disk is a failure, and said', async ({ args, input }) => {
    const { code, stderr } = await run(args, 'full', input);
    expect(stderr).toMatch(/^panelet: cannot write to standard output: ENOSPC: no space left on device/m);
    expect(code).toBe(1);
  });

  test.each(commands)('$args: a reader that went away is no reason for a word', async ({ args, input }) => {
    const { code, stderr } = await run(args, 'closed', input);
    expect(stderr).toBe('');
    expect(code).toBe(141);
  });
});

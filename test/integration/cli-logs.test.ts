import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, openSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ListPanelsRequest, ListPanelsResponse } from '#proto/session/v1/session.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentHome,
} from '#test/support/agent/running-agent.js';
import { cliEnvironment, cliProgram, runCliProcess, type CliResult } from '#test/support/cli-user.js';
import { waitFor } from '#test/support/wait-for.js';

// Real processes, on machines that may be busy.
jest.setTimeout(60_000);

describe('panelet logs', () => {
  let home: AgentHome;
  let roots: string;
  const path = (name: string): string => join(roots, name);
  const environment = (): Record<string, string> => cliEnvironment(home.dir, { PANELET_ADDRESS: home.address });
  const logs = (...args: string[]): Promise<CliResult> => runCliProcess(['logs', ...args], { env: environment() });
  /** Follows until it is told to end. */
  const follow = (...args: string[]) => {
    const child = spawn(process.execPath, [cliProgram, 'logs', '-f', ...args], { env: environment() });
    const seen = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (seen.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (seen.stderr += chunk.toString()));
    const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { seen, exited, end: () => child.kill('SIGINT') };
  };

  beforeAll(async () => {
    home = createAgentHome(builtPrograms);
    roots = join(home.dir, 'files');
    mkdirSync(roots);
    home.configure({
      workerCommand: [process.execPath, builtPrograms.worker],
      panels: [{ name: 'logs', parameters: { roots } }],
    });
    await home.start();
    const clients = connectAgent(home.address);
    const isServing = async (): Promise<boolean> => {
      const { panels } = await call<ListPanelsRequest, ListPanelsResponse>(
        (...rest) => clients.session.listPanels(...rest),
        {},
      );
      return panels.some(({ serving }) => serving);
    };
    await waitFor('the panel serves', isServing);
    clients.close();
  });
  afterAll(() => {
    home.remove();
  });

  test('shows a file, its last lines, or those since a time', async () => {
    const hour = (ago: number): string => new Date(Date.now() - ago * 3_600_000).toISOString();
    const lines = [5, 3, 1].map((ago) => `${hour(ago)} line ${ago}\n`);
    writeFileSync(path('a.log'), lines.join(''));
    expect(await logs(path('a.log'))).toEqual({ code: 0, stdout: lines.join(''), stderr: '' });
    expect((await logs('--tail', '-1', path('a.log'))).stdout).toBe(lines.join(''));
    expect((await logs('--tail', '1', path('a.log'))).stdout).toBe(lines[2]);
    expect((await logs('--lines', '2', path('a.log'))).stdout).toBe(lines.slice(1).join(''));
    expect((await logs('--since', '4h', path('a.log'))).stdout).toBe(lines.slice(1).join(''));
    expect((await logs('--since', '4h', '--tail', '1', path('a.log'))).stdout).toBe(lines[2]);
  });

  test('refuses --since where lines have no time', async () => {
    writeFileSync(path('plain.log'), 'hello\n');
    const { code, stderr } = await logs('--since', '1h', path('plain.log'));
    expect(stderr).toMatch(/do not begin with a time/);
    expect(code).toBe(1);
  });

  test('shows several files with headers, or with their names before each line, and goes on after one that is missing', async () => {
    writeFileSync(path('one.log'), '1\n2');
    writeFileSync(path('two.log'), '3\n');
    const [one, two, none] = ['one.log', 'two.log', 'none.log'].map(path) as [string, string, string];
    expect((await logs(one, two)).stdout).toBe(`==> ${one} <==\n1\n2\n\n==> ${two} <==\n3\n`);
    const { code, stdout, stderr } = await logs('--prefix', one, none, two);
    expect(stdout).toBe(`[${one}] 1\n[${one}] 2\n[${two}] 3\n`);
    expect(stderr).toMatch(/^panelet: .*none\.log does not exist/);
    expect(code).toBe(1);
  });

  test('follows several files at once, says on standard error what may be lost, and ends as it is told', async () => {
    writeFileSync(path('x.log'), 'x1\n');
    writeFileSync(path('y.log'), 'y1\n');
    const following = follow('--prefix', path('x.log'), path('y.log'));
    const { seen } = following;
    await waitFor('both are shown', () => seen.stdout.includes('x1') && seen.stdout.includes('y1'));
    renameSync(path('x.log'), path('x.log.1'));
    writeFileSync(path('x.log'), 'x2\n');
    await waitFor('the next file is shown', () => seen.stdout.includes(`[${path('x.log')}] x2\n`));
    truncateSync(path('y.log'));
    await waitFor('the truncation is told', () => seen.stderr.includes('was truncated'));
    appendFileSync(path('y.log'), 'y2\n');
    await waitFor('the new beginning is shown', () => seen.stdout.includes(`[${path('y.log')}] y2\n`));
    following.end();
    expect(await following.exited).toBe(130);
    expect(seen.stderr).toBe(
      `panelet: ${path('y.log')}: y.log was truncated; what was written before and not read is lost\n`,
    );
  });

  test('fails, and says why, when a file cannot be written to a full disk', async () => {
    writeFileSync(path('long.log'), 'line\n'.repeat(500_000));
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [cliProgram, 'logs', path('long.log')], {
      env: environment(),
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(/^panelet: cannot write to standard output: ENOSPC/);
    expect(code).toBe(1);
  });

  test('ends without a word when its reader goes away', async () => {
    writeFileSync(path('long.log'), 'line\n'.repeat(500_000));
    const child = spawn(process.execPath, [cliProgram, 'logs', '-f', path('long.log')], { env: environment() });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });
});

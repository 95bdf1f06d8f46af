import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { findProcesses, readProcessFile, readProcessStat } from './process-stat.js';

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

function start(program: string, ...args: string[]): ChildProcess & { readonly pid: number } {
  const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  started.push(child);
  return child as ChildProcess & { readonly pid: number };
}

test('tells a process by its number and its start, whatever its name holds', () => {
  const program = join(mkdtempSync(join(tmpdir(), 'stat-')), ') 1 (odd');
  copyFileSync('/bin/sleep', program);
  const { pid } = start(program, '60');
  expect(readProcessStat(pid)).toEqual({
    pid,
    group: pid,
    sessionId: pid,
    foregroundGroup: -1,
    startTime: expect.stringMatching(/^\d+$/),
  });
});

test('finds no process that has ended, also before its parent has heard of it', async () => {
  const shell = start('/bin/sh', '-c', 'sleep 0.01 & echo $!; exec cat');
  const [said] = (await once(shell.stdout!, 'data')) as [Buffer];
  const zombie = Number(said.toString().trim());
  while (!readProcessFile(zombie, 'stat').includes(') Z ')) await new Promise((resolve) => setImmediate(resolve));
  expect(readProcessStat(zombie)).toBeUndefined();
  expect(findProcesses((pid) => pid === zombie)).toEqual([]);
  expect(findProcesses((pid) => pid === shell.pid)).toEqual([readProcessStat(shell.pid)]);
});

test('reads nothing of a process that is not there', () => {
  expect(readProcessFile(2 ** 22, 'cmdline')).toBe('');
  expect(readProcessStat(2 ** 22)).toBeUndefined();
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { findProcessesByEnvironment } from '#devcluster/launcher/proc-fs.js';
import { killProcessesBelow } from './kill-processes.js';

const others: ChildProcess[] = [];

afterEach(() => {
  for (const child of others.splice(0)) child.kill('SIGKILL');
});

test('kills what works below a directory, also what is started meanwhile, and nothing beside it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kill-'));
  const file = join(dir, 'file');
  writeFileSync(file, '');
  writeFileSync(`${dir}-beside`, '');
  const beside = spawn('tail', ['-f', `${dir}-beside`], { stdio: 'ignore' });
  others.push(beside);
  // Starts one detached process after the other, and dies with none of them. What it waits by works below the directory, too.
  const program = join(dir, 'starter.sh');
  writeFileSync(program, 'while :; do setsid tail -f "$1" & echo; timeout 0.01 tail -f "$1"; done\n');
  const env = { ...process.env, KILL_TEST: dir };
  const starter = spawn('sh', [program, file], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = once(starter, 'exit');
  for (let count = 0; count < 5; count++) await once(starter.stdout, 'data');
  killProcessesBelow(dir);
  expect(findProcessesByEnvironment(`KILL_TEST=${dir}`)).toEqual([]);
  await gone;
  expect(beside.exitCode ?? beside.signalCode).toBe(null);
});

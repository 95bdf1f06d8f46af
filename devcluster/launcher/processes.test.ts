import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { isProcessAlive, readGroupedProcess } from './proc-fs.js';
import { createProcesses, type LocalProcess } from './processes.js';

const clock = createSystemClock();
const processes = createProcesses({ clock });
let directory = '';
let started: LocalProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-processes-'));
});

afterEach(async () => {
  for (const process of started) process.killGroup();
  await Promise.all(started.map((process) => process.exited));
  started = [];
  rmSync(directory, { recursive: true });
});

async function start(script: string, environment: Record<string, string> = {}): Promise<LocalProcess> {
  const process = await processes.start({
    command: ['/bin/sh', '-c', script],
    environment,
    logFile: join(directory, 'log'),
  });
  started.push(process);
  return process;
}

function until(condition: () => boolean): Promise<void> {
  return waitFor('the process is so', condition);
}

describe('local processes', () => {
  test('write their output to a file and tell their exit code', async () => {
    const process = await start('echo out; echo err >&2; exit 3');
    expect(await process.exited).toEqual({ code: 3, signal: 0, known: true });
    expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('out\nerr\n');
  });

  test('end by a signal with 128 plus its number', async () => {
    const process = await start('exec sleep 60');
    process.signal('SIGTERM');
    expect(await process.exited).toEqual({ code: 143, signal: 15, known: true });
  });

  test('lead a group that is killed as a whole', async () => {
    const process = await start('sleep 60 & echo $!; wait');
    await until(() => readFileSync(join(directory, 'log'), 'utf8').includes('\n'));
    const child = Number(readFileSync(join(directory, 'log'), 'utf8'));
    expect(readGroupedProcess(child)?.group).toBe(process.identity.pid);
    process.killGroup();
    await process.exited;
    await until(() => readGroupedProcess(child) === undefined);
  });

  test('are found again by pid and start time, and by nothing less', async () => {
    const process = await start('exec sleep 60');
    expect(isProcessAlive(process.identity)).toBe(true);
    expect(processes.adopt({ ...process.identity, startTime: process.identity.startTime - 1 })).toBeUndefined();
    const adopted = processes.adopt(process.identity);
    adopted?.signal('SIGTERM');
    expect(await adopted?.exited).toMatchObject({ known: false });
  });

  test('are found by their environment, and so are their children', async () => {
    const marker = `PANELET_TEST=${directory}`;
    await start('sleep 60 & wait', { PANELET_TEST: directory });
    await until(() => processes.find(marker).length === 2);
    expect(processes.find(`${marker}x`)).toEqual([]);
  });

  test('that cannot be started say why', async () => {
    const spec = { command: [join(directory, 'missing')], environment: {}, logFile: join(directory, 'log') };
    await expect(processes.start(spec)).rejects.toThrow(/ENOENT/);
  });
});

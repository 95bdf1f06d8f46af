import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { isProcessAlive, readGroupedProcess } from '#devcluster/launcher/proc-fs.js';
import { waitFor } from './wait-for.js';

const limitMs = 50_000;
const running: ChildProcess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
});

interface Run {
  readonly child: ChildProcess;
  /** The process that the test file has started, once it has; it may have been ended again by then. */
  started(): Promise<{ readonly pid: number; isAlive(): boolean }>;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Runs Jest, tidied up, with one test file, whose only test starts a process that lives for long and then goes on as `rest` says. */
function runJest(rest: string): Run {
  const dir = mkdtempSync(join(tmpdir(), 'r'));
  const pidFile = join(dir, 'pid');
  const file = `
    const { spawn } = require('node:child_process');
    test('starts a process', async () => {
      const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      child.unref();
      require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      ${rest}
    });`;
  writeFileSync(join(dir, 'one.test.js'), file);
  const patience = { patienceMs: 0 };
  const config = {
    rootDir: dir,
    testEnvironment: resolve('test/support/tidy-environment.js'),
    testEnvironmentOptions: patience,
    reporters: ['default', [resolve('test/support/tidy-reporter.js'), patience]],
    transform: {},
    watchman: false,
  };
  writeFileSync(join(dir, 'jest.config.json'), JSON.stringify(config));
  const jest = resolve('node_modules/jest/bin/jest.js');
  const args = ['--experimental-vm-modules', jest];
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const pidOf = (): number => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0);
  const started = async (): ReturnType<Run['started']> => {
    await waitFor('the process', () => pidOf() > 0, limitMs);
    const known = readGroupedProcess(pidOf());
    return { pid: pidOf(), isAlive: () => known !== undefined && isProcessAlive(known) };
  };
  return { child, started, output: () => output, ended };
}

describe('a run of tests', () => {
  test('fails with a test file that leaves a process, names it and ends it, and no process of others', async () => {
    const other = spawn('sleep', ['600'], { stdio: 'ignore' });
    running.push(other);
    const run = runJest('');
    const left = await run.started();
    expect(await run.ended).toBe(1);
    expect(run.output()).toContain(`${left.pid} sleep 600`);
    expect(run.output()).toContain('1 failed');
    expect(left.isAlive()).toBe(false);
    expect(other.exitCode ?? other.signalCode).toBe(null);
  });

  test('passes when the test file has ended what it started', async () => {
    const run = runJest("child.ref(); child.kill(); await require('node:events').once(child, 'exit');");
    expect(await run.ended).toBe(0);
    expect(run.output()).toContain('1 passed');
  });

  test('leaves nothing when it is killed', async () => {
    const run = runJest('await new Promise((resolve) => setTimeout(resolve, 600_000));');
    const left = await run.started();
    run.child.kill('SIGKILL');
    await run.ended;
    await waitFor('the process to be ended', () => !left.isAlive(), limitMs);
    expect(left.isAlive()).toBe(false);
  });
});

import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(60_000);

/** True when a process has a handler for a signal; proc(5), SigCgt. */
function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}

describe('a worker whose state another one still has', () => {
  let dir: string;
  let first: WorkerProcess;
  let second: WorkerProcess | undefined;

  beforeEach(async () => {
    dir = await temporaryDirectory();
    first = spawnWorker({ dir });
    await first.ready;
  });
  afterEach(async () => {
    await Promise.all([first.end(), second?.end()]);
    await rm(dir, { recursive: true, force: true });
  });

  // As in two pods: the state is the same, the sockets are not.
  const start = (...args: string[]): WorkerProcess =>
    spawnWorker({ dir, args: ['--socket', join(dir, 'run', 'second.sock'), ...args] });

  test('ends at once with a word when it is not told to wait', async () => {
    second = start();
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(second.stderr()).toContain('ALREADY_RUNNING');
  });

  test('waits as long as it is told, and serves once the other has ended', async () => {
    second = spawnWorker({ dir, args: ['--lock-wait', '600'] });
    first.child.kill('SIGTERM');
    expect(await first.exited).toMatchObject({ code: 0 });
    expect((await second.ready).pid).toBe(second.pid);
  });

  test('ends when it is asked to while it waits', async () => {
    second = start('--lock-wait', '600');
    const waiting = second;
    // Node catches SIGTERM itself from the start; the worker's own handlers are there once it has that of SIGHUP.
    await waitFor('its handlers', () => catches(waiting.pid, 1), 20_000);
    waiting.child.kill('SIGTERM');
    expect(await waiting.exited).toMatchObject({ signal: null });
    expect(first.child.exitCode).toBeNull();
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { waitFor } from '#test/support/wait-for.js';
import { receiptOfDrain, startDrain, uncordon } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { openFiles, spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(60_000);

describe('the process panelet-worker', () => {
  let dir: string;
  const workers: WorkerProcess[] = [];
  const clients: LinkClient[] = [];
  const start = async (args: readonly string[] = []): Promise<WorkerProcess> => {
    const worker = spawnWorker({ dir, args });
    workers.push(worker);
    await worker.ready;
    return worker;
  };
  const fail = async (
    options: Partial<Parameters<typeof spawnWorker>[0]>,
  ): Promise<{ code: number | null; said: string }> => {
    const worker = spawnWorker({ dir, ...options });
    workers.push(worker);
    const { code } = await worker.exited;
    return { code, said: worker.stderr() };
  };
  const client = (): LinkClient => {
    const made = new LinkClient({ socket: join(dir, 'run', 'echo.sock') });
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    for (const worker of workers.splice(0)) await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('is killed after its receipt, and the next one continues exactly', async () => {
    const first = await start();
    const all = Array.from({ length: 10 }, client);
    await Promise.all(all.map((one) => one.attach()));
    for (const one of all) one.write(randomBytes(200_000));
    expect((await receiptOfDrain(startDrain(first.gate))).counts).toMatchObject({ checkpointed: 10, forced: 0 });
    first.child.kill('SIGKILL');
    await first.exited;
    await start();
    for (const one of all) {
      one.write(randomBytes(10_000));
      expect(await one.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT, incarnation: 2 });
    }
    await Promise.all(all.map((one) => one.echoed()));
    expect(all.every((one) => one.isExact)).toBe(true);
    const [one] = all;
    one?.event('digest');
    await waitFor('the digest', () => (one?.panelEvents('digest').length ?? 0) > 0);
    expect(one?.panelEvents('digest')[0]).toMatchObject({ bytes: 210_000 });
  });

  test('drains on SIGTERM, ignores SIGHUP, and exits with 0', async () => {
    const first = await start();
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(50_000));
    first.child.kill('SIGHUP');
    await alice.echoed();
    alice.write(randomBytes(50_000));
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual({ code: 0, signal: null });
    await alice.over();
    await start();
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test('exits with 1 when a session was forced, and a second SIGTERM shortens the wait', async () => {
    const first = await start(['--grace-period', '600']);
    const [alice, bob] = [client(), client()];
    await alice.attach();
    await bob.attach();
    alice.event('hold', { ms: 600_000 });
    bob.write(randomBytes(30_000));
    await bob.echoed();
    first.child.kill('SIGTERM');
    await waitFor('the freeze is told', () => alice.drains().length > 1);
    const started = performance.now();
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual({ code: 1, signal: null });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(first.stderr()).toContain('echo.hold');
    await start();
    expect(await bob.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'ended' });
  });

  test('never presents a stale checkpoint as exact: the lost range is told', async () => {
    const first = await start();
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(1_000));
    await alice.echoed();
    await receiptOfDrain(startDrain(first.gate));
    await uncordon(first.gate);
    await alice.over();
    await alice.attach();
    for (let frame = 0; frame < 1_000; frame++) alice.write(randomBytes(10));
    await alice.echoed();
    await waitFor('everything is acknowledged', () => alice.link.endpoint.unackedCount() === 0);
    const { txNext, nextRx } = alice.link.endpoint.cursors;
    first.child.kill('SIGKILL');
    await first.exited;
    await alice.over();
    await start();
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.ROLLED_BACK, incarnation: 2 });
    expect(alice.losses).toHaveLength(1);
    expect(alice.losses[0]).toMatchObject({
      incarnation: 1,
      code: 'WORKER_CRASHED',
      input: { from: 1, through: txNext - 1 },
      output: { from: nextRx, through: undefined },
    });
    alice.recount();
    alice.write(randomBytes(5_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test('replaces the socket of one that was killed, and leaves one that answers alone', async () => {
    const first = await start();
    first.child.kill('SIGKILL');
    await first.exited;
    await start();
    const second = await fail({});
    expect(second).toMatchObject({ code: 1 });
    expect(second.said).toContain('ALREADY_RUNNING');
  });

  test('leaks no file over attaching, cutting and ending', async () => {
    const worker = await start();
    const warm = client();
    await warm.attach();
    const before = await openFiles(worker.pid);
    for (let round = 0; round < 30; round++) {
      const one = client();
      await one.attach();
      one.write(randomBytes(20_000));
      await one.echoed();
      if (round % 2 === 0) one.fin();
      await one.close();
    }
    await waitFor('the first one is still there', () => warm.call !== undefined);
    const settle = async (): Promise<number> => {
      for (let tries = 0; tries < 50; tries++) {
        if ((await openFiles(worker.pid)) <= before) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return openFiles(worker.pid);
    };
    expect(await settle()).toBeLessThanOrEqual(before);
  });

  test('says clearly what is wrong with its arguments and its directories', async () => {
    expect(await fail({ args: ['--target', 'moon'] })).toMatchObject({
      code: 2,
      said: expect.stringContaining('--target'),
    });
    expect(await fail({ panel: 'nothing' })).toMatchObject({ code: 2, said: expect.stringContaining('nothing') });
    await mkdir(join(dir, 'open'), { mode: 0o777 });
    await writeFile(join(dir, 'file'), '');
    expect(await fail({ args: ['--state-dir', join(dir, 'file')] })).toMatchObject({
      code: 1,
      said: expect.stringContaining('STATE_DIR_UNUSABLE'),
    });
    expect(await fail({ args: ['--socket', join(dir, 'x'.repeat(120))] })).toMatchObject({
      code: 2,
      said: expect.stringContaining('longer'),
    });
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { startPassage, type Passage } from '#test/support/passage.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

describe('worker processes beside each other', () => {
  let dir: string;
  let passage: Passage;
  let leader: WorkerProcess;
  let older: ChildProcess | undefined;
  const started: WorkerProcess[] = [];
  const clients: LinkClient[] = [];

  const start = (...args: string[]): WorkerProcess => {
    const made = spawnWorker({ dir, socket: join(dir, 'run', `${started.length}.sock`), args });
    started.push(made);
    return made;
  };
  /** A client of whichever worker leads, with some bytes sent and come back. */
  const attached = async (): Promise<LinkClient> => {
    const made = new LinkClient({ socket: join(dir, 'front.sock') });
    clients.push(made);
    await made.comeBack();
    made.write(randomBytes(10_000));
    await made.echoed();
    return made;
  };
  const lead = async (to: WorkerProcess): Promise<void> => {
    await passage.block();
    leader = to;
    await passage.open();
  };
  const goesOn = async (made: LinkClient): Promise<void> => {
    made.write(randomBytes(10_000));
    await made.echoed();
    expect(made.isExact).toBe(true);
  };
  const stateDir = (): string => join(dir, 'state', 'sessions', 'echo');
  /** The instance that has the lock that workers of earlier releases know. */
  const holder = (): unknown => {
    const text = readFileSync(join(stateDir(), 'lock', 'instance'), 'utf8');
    return (JSON.parse(text) as Record<string, unknown>)['instance'];
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    passage = await startPassage(join(dir, 'front.sock'), () => ({ path: leader.socket }));
    leader = start();
    await leader.ready;
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await passage.block();
    older?.kill('SIGKILL');
    await Promise.all(started.splice(0).map((one) => one.end()));
    await rm(dir, { recursive: true, force: true });
  });

  test('serve at the same time; of one that is killed the other one brings back what was live', async () => {
    const first = leader;
    const second = start('--beside');
    await second.ready;
    const [alice, bob] = [await attached(), await attached()];
    await lead(second);
    await Promise.all([alice.over(), bob.over()]);
    await expect(alice.comeBack()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    await lead(first);
    await alice.comeBack();
    await goesOn(alice);
    await alice.cut();
    first.child.kill('SIGKILL');
    await first.exited;
    await lead(second);
    expect(await alice.comeBack()).toMatchObject({ outcome: ResumeOutcome.ROLLED_BACK });
    expect(alice.losses[0]).toMatchObject({ code: 'WORKER_CRASHED' });
  });

  test('move a session, live, from one that drains to the newer one, and on to the next', async () => {
    const carol = await attached();
    for (let moves = 1; moves <= 2; moves++) {
      const [old, young] = [leader, start('--beside')];
      await young.ready;
      const { counts } = await receiptOfDrain(startDrain(old.gate));
      expect(counts).toMatchObject({ moved: 1, checkpointed: 0, forced: 0 });
      await lead(young);
      await carol.over();
      expect(await carol.comeBack()).toMatchObject({ outcome: ResumeOutcome.EXACT, incarnation: 1 + moves });
      await goesOn(carol);
      old.child.kill('SIGKILL');
      await old.exited;
      await goesOn(carol);
    }
  });

  test('hand on the lock that earlier releases know', async () => {
    const second = start('--beside');
    await second.ready;
    expect(holder()).toBe(1);
    leader.child.kill('SIGKILL');
    await waitFor('the other one has it', () => holder() === 2);
    // To whoever is not told to start beside, the directory is somebody's.
    const third = start();
    expect(await third.exited).toMatchObject({ code: 1 });
    expect(third.stderr()).toContain('ALREADY_RUNNING');
  });

  test('are all waited for by one that is to be alone', async () => {
    const second = start('--beside');
    await second.ready;
    const alone = start('--lock-wait', '60');
    leader.child.kill('SIGTERM');
    await leader.exited;
    await waitFor('somebody has the lock', () => holder() === 2 || alone.stderr().includes('waiting'));
    second.child.kill('SIGTERM');
    expect((await second.exited).code).toBe(0);
    expect((await alone.ready).pid).toBe(alone.pid);
    expect(holder()).toBe(3);
  });

  test('never start beside a worker of an earlier release', async () => {
    leader.child.kill('SIGTERM');
    await leader.exited;
    // What one leaves in the directory: a socket `lock-<n>` that it listens on, and no word of an instance.
    const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))`;
    mkdirSync(join(stateDir(), 'lock'), { recursive: true });
    const path = join(stateDir(), 'lock', 'lock-9');
    older = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(older.stdout ?? older, 'data');
    const refused = start('--beside');
    expect(await refused.exited).toMatchObject({ code: 1 });
    const waiting = start('--beside', '--lock-wait', '60');
    await waitFor('it waits', () => waiting.stderr().includes('waiting'));
    older.kill('SIGKILL');
    expect((await waiting.ready).pid).toBe(waiting.pid);
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OnTimeout, State, Target } from '#proto/gate/v1/gate.js';
import { AttachMode, ResumeOutcome } from '#proto/session/v1/session.js';
import type { HandoffResponse } from '#proto/worker/v1/worker.js';
import { ask, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import type { LinkClient, LinkClientOptions } from '#test/support/link-client.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { TextClient } from '#test/support/text-client.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

jest.setTimeout(60_000);

describe('real panels in a real worker', () => {
  let dir: string;
  const workers: WorkerProcess[] = [];
  const clients: LinkClient[] = [];
  const start = async (panel: string, args: readonly string[]): Promise<WorkerProcess> => {
    const worker = spawnWorker({ dir, panel, args });
    workers.push(worker);
    await worker.ready;
    return worker;
  };
  const client = (panel: string, options: Partial<LinkClientOptions>): TextClient => {
    const made = new TextClient({ socket: join(dir, 'run', `${panel}.sock`), panel, ...options });
    clients.push(made);
    return made;
  };
  const startTerminal = (args: readonly string[] = []): Promise<WorkerProcess> =>
    start('terminal', ['--target', 'host', '--parameter', 'allowSameUser=true', ...args]);
  const shell = async (): Promise<{ alice: TextClient; pid: number }> => {
    const alice = client('terminal', { parameters: { command: '/bin/sh', args: '["-i"]' } });
    await alice.attach();
    alice.type('echo pid=$((0+$$))\n');
    const [, pid] = await alice.shows(/pid=(\d+)/);
    return { alice, pid: Number(pid) };
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    for (const worker of workers.splice(0)) await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('a shell lives on when its clients are handed over, and when a drain of its host is called off', async () => {
    const worker = await startTerminal();
    const { alice, pid } = await shell();
    const request = { reason: 'the agent goes', retryAfter: undefined, agentInstance: '', within: undefined };
    await ask<HandoffResponse>((done) => worker.control.handoff(request, done));
    await alice.over();
    alice.type('echo typed-while-away\n');
    await alice.attach();
    await alice.shows(/\ntyped-while-away/);
    const drain = startDrain(worker.gate, { target: Target.HOST, onTimeout: OnTimeout.ABORT, timeoutMs: 500 });
    await drain.done;
    expect(drain.states).toEqual([State.NOTIFIED, State.SERVING]);
    alice.type('echo again=$((0+$$))\n');
    expect(Number((await alice.shows(/again=(\d+)/))[1])).toBe(pid);
    expect(alice.text.split('\ntyped-while-away')).toHaveLength(2);
  });

  test('a host is drained when its shells have ended, with their exit status told', async () => {
    const worker = await startTerminal();
    const { alice } = await shell();
    const drain = startDrain(worker.gate, { target: Target.HOST, onTimeout: OnTimeout.ABORT, timeoutMs: 20_000 });
    alice.type('exit 7\n');
    expect((await receiptOfDrain(drain)).counts).toMatchObject({ finished: 1, forced: 0, remaining: 0 });
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'ended' });
    expect(alice.items).toMatchObject([
      { kind: 'event', event: { kind: { $case: 'exitStatus', value: { code: 7 } } } },
      { kind: 'fin' },
    ]);
  });

  test('a host that is told to end forces its shells, leaves no process, and the next one says that they have ended', async () => {
    const worker = await startTerminal(['--grace-period', '1']);
    const { alice, pid } = await shell();
    worker.child.kill('SIGTERM');
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(isAlive(pid)).toBe(false);
    await alice.over();
    expect(alice.next).toMatchObject({ kind: 'ended' });
    await startTerminal();
    const late = client('terminal', {
      sessionId: alice.sessionId,
      resumeToken: alice.link.resumeToken,
      mode: AttachMode.RESUME,
    });
    await expect(late.attach()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });

  test('a log goes on across a restart and a rotation, every line once', async () => {
    const file = join(dir, 'app.log');
    await writeFile(file, '');
    const args = ['--parameter', `roots=${dir}`];
    const first = await start('logs', args);
    const alice = client('logs', { parameters: { path: file } });
    await alice.attach();
    const line = (count: number): Promise<void> => appendFile(file, `line ${count}\n`);
    for (let count = 0; count < 100; count++) await line(count);
    await alice.shows(/line 99\n/);
    expect((await receiptOfDrain(startDrain(first.gate, { noticeMs: 0 }))).counts).toMatchObject({ checkpointed: 1 });
    for (let count = 100; count < 150; count++) await line(count);
    await rename(file, `${file}.1`);
    for (let count = 150; count < 200; count++) await line(count);
    first.child.kill('SIGKILL');
    await first.exited;
    await start('logs', args);
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    for (let count = 200; count < 250; count++) await line(count);
    await alice.shows(/line 249\n/);
    const lines = alice.text.split('\n').filter((text) => text.startsWith('line '));
    expect(lines).toEqual(Array.from({ length: 250 }, (_, count) => `line ${count}`));
    expect(await readFile(`${file}.1`, 'utf8')).toContain('line 149');
  });
});

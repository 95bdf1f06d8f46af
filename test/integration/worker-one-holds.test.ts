import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import { OnTimeout, State, type GateStatus } from '#proto/gate/v1/gate.js';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { command, receiptOfDrain, startDrain, statusOfGate } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(60_000);

const manyRounds = 20;

/** Says something, waits until it comes back, and so on. */
class Talk {
  readonly client: LinkClient;
  rounds = 0;
  longestMs = 0;
  #ended: Promise<void> | undefined;
  #isStopped = false;

  constructor(client: LinkClient) {
    this.client = client;
  }

  begin(): void {
    this.#isStopped = false;
    this.#ended = this.#run();
  }

  async end(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { client } = this;
    while (!this.#isStopped && client.call !== undefined) {
      const saidMs = performance.now();
      client.write(Buffer.alloc(64, this.rounds));
      const isBack = (): boolean => client.receivedBytes >= client.writtenBytes;
      await waitFor('the echo, or the end', () => isBack() || client.call === undefined);
      if (!isBack()) return;
      this.rounds++;
      this.longestMs = Math.max(this.longestMs, performance.now() - saidMs);
    }
  }
}

describe('a worker of which one session holds', () => {
  let dir: string;
  let worker: WorkerProcess;
  let holder: LinkClient;
  let talks: Talk[];

  const start = async (): Promise<void> => {
    worker = spawnWorker({ dir, args: ['--grace-period', '600'] });
    await worker.ready;
  };
  const isNamed = (status: GateStatus | undefined): boolean =>
    status?.holders.some(({ sessionId }) => sessionId === holder.sessionId) === true;
  const rounds = (): number[] => talks.map((talk) => talk.rounds);
  /** Each of the others says and hears something many times while the holder is named in FROZEN. */
  const talkWhileNamed = async (status: () => GateStatus | undefined): Promise<void> => {
    const isWaiting = (): boolean => status()?.state === State.FROZEN && isNamed(status());
    await waitFor('the holder is named', isWaiting);
    const before = rounds();
    await waitFor('all others have talked', () => {
      expect(isWaiting()).toBe(true);
      return rounds().every((now, index) => now >= (before[index] ?? 0) + manyRounds);
    });
  };
  const tell = (what: string, ms: number): void => {
    const longestMs = Math.max(...talks.map((talk) => talk.longestMs));
    process.stdout.write(
      `${what}, ${Math.round(ms)} ms: the longest silence of the others is ${Math.round(longestMs)} ms\n`,
    );
  };
  const comeBack = async (): Promise<void> => {
    await worker.end();
    await start();
    for (const { client } of talks) {
      expect(await client.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
      await client.echoed();
      expect(client.isExact).toBe(true);
    }
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    await start();
    const client = (): LinkClient => new LinkClient({ socket: worker.socket });
    holder = client();
    talks = Array.from({ length: 8 }, () => new Talk(client()));
    await Promise.all([holder, ...talks.map((talk) => talk.client)].map((one) => one.attach()));
    holder.event('hold', { ms: 600_000 });
    holder.event('digest');
    await waitFor('the hold is taken', () => holder.panelEvents('digest').length > 0);
    for (const talk of talks) talk.begin();
  });
  afterEach(async () => {
    for (const talk of talks) await talk.end();
    await Promise.all([holder, ...talks.map((talk) => talk.client)].map((one) => one.close()));
    await worker.end();
    await rm(dir, { recursive: true, force: true });
  });

  test('lets the others talk on for as long as it holds, and in the end it is called off', async () => {
    const startedMs = performance.now();
    const drain = startDrain(worker.gate, { timeoutMs: 600_000, onTimeout: OnTimeout.ABORT });
    await talkWhileNamed(() => drain.responses.at(-1)?.status);
    startDrain(worker.gate, { command: command('restart-1', 1, 2), timeoutMs: 500, onTimeout: OnTimeout.ABORT });
    await drain.done;
    expect(drain.states.at(-1)).toBe(State.SERVING);
    tell('a drain that was called off', performance.now() - startedMs);
  });

  test('is forced alone, and the others talk on until then, and after it', async () => {
    const startedMs = performance.now();
    const drain = startDrain(worker.gate, { timeoutMs: 600_000 });
    await talkWhileNamed(() => drain.responses.at(-1)?.status);
    startDrain(worker.gate, { command: command('restart-1', 1, 2), timeoutMs: 2_000 });
    const receipt = await receiptOfDrain(drain);
    expect(receipt.counts).toMatchObject({ checkpointed: talks.length, forced: 1, remaining: 0 });
    tell('a drain that forced one', performance.now() - startedMs);
    for (const talk of talks) await talk.end();
    await comeBack();
  });

  test('is forced alone at SIGTERM, too, and everybody else is sealed', async () => {
    const startedMs = performance.now();
    worker.child.kill('SIGTERM');
    let status: GateStatus | undefined;
    const asking = (async () => {
      while (worker.child.exitCode === null) status = await statusOfGate(worker.gate).catch(() => undefined);
    })();
    await talkWhileNamed(() => status);
    worker.child.kill('SIGTERM');
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    await asking;
    tell('the end of a worker', performance.now() - startedMs);
    for (const talk of talks) await talk.end();
    await comeBack();
  });
});

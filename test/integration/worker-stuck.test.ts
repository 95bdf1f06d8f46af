import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import { createStuckPanel, type Stuckness } from '#test/support/stuck-panels.js';

async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(parent) === pid && state !== 'Z') children.push(Number(name));
  }
  return children;
}

jest.setTimeout(60_000);

describe('sessions that do not let go', () => {
  let dir: string;
  let running: RunningWorker;
  const clients: LinkClient[] = [];
  const client = (kind: Stuckness): LinkClient => {
    const made = new LinkClient({ socket: running.socket, panel: 'stuck', parameters: { kind } });
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    running = await startRunningWorker({ dir, panel: createStuckPanel() });
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    // A worker that was stuck may still write its last file.
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });

  test('are named and forced exactly, and every other session is clean', async () => {
    const childrenBefore = await childrenOf(process.pid);
    const kinds = ['full-pipe', 'parked-reader', 'never-freezes', 'throws-in-freeze', 'parked-input'] as const;
    const stuck = kinds.map(client);
    const clean = Array.from({ length: 6 }, () => client('none'));
    await Promise.all([...stuck, ...clean].map((one) => one.attach()));
    for (const one of [...stuck, ...clean]) one.write(randomBytes(40_000));
    const started = performance.now();
    const drain = startDrain(running.gate, { timeoutMs: 3_000 });
    const receipt = await receiptOfDrain(drain);
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(receipt.counts).toMatchObject({ forced: 5, checkpointed: 6, finished: 0, remaining: 0 });
    const named = new Map(
      receipt.forced.map(({ sessionId, holders }) => [
        kinds[stuck.findIndex((one) => one.sessionId === sessionId)],
        holders.map(({ operation }) => operation),
      ]),
    );
    expect(Object.fromEntries(named)).toEqual({
      'full-pipe': ['pipe.write'],
      'parked-reader': ['pipe.read'],
      'never-freezes': ['panel.freeze'],
      'throws-in-freeze': ['panel.freeze'],
      'parked-input': ['panel.input'],
    });
    for (const one of stuck) {
      await one.over();
      expect(one.next).toMatchObject({ kind: 'ended' });
    }
    await running.stop();
    expect((await childrenOf(process.pid)).filter((pid) => !childrenBefore.includes(pid))).toEqual([]);

    running = await startRunningWorker({ dir, panel: createStuckPanel() });
    for (const one of clean) expect(await one.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await Promise.all(clean.map((one) => one.echoed()));
    expect(clean.every((one) => one.isExact)).toBe(true);
  });

  test('are told as ended to a client that comes later', async () => {
    const alice = client('parked-reader');
    await alice.attach();
    await alice.cut();
    await receiptOfDrain(startDrain(running.gate, { timeoutMs: 300 }));
    await running.stop();
    running = await startRunningWorker({ dir, panel: createStuckPanel() });
    await expect(alice.attach()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });
});

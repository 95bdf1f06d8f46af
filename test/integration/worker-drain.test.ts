import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { OnTimeout, State } from '#proto/gate/v1/gate.js';
import { DrainPhase, ResumeOutcome } from '#proto/session/v1/session.js';
import { waitFor } from '#test/support/wait-for.js';
import { ask, command, cordon, receiptOfDrain, startDrain, statusOfGate, uncordon } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import {
  startRunningWorker,
  temporaryDirectory,
  type RunningWorker,
  type RunningWorkerOptions,
} from '#test/support/running-worker.js';

jest.setTimeout(60_000);

describe('the drain of a worker', () => {
  let dir: string;
  let running: RunningWorker;
  const clients: LinkClient[] = [];
  const client = (options: Partial<ConstructorParameters<typeof LinkClient>[0]> = {}): LinkClient => {
    const made = new LinkClient({ socket: running.socket, ...options });
    clients.push(made);
    return made;
  };
  const start = async (options: RunningWorkerOptions = {}): Promise<void> => {
    running = await startRunningWorker({ dir, ...options });
  };
  const digest = async (of: LinkClient): Promise<Record<string, unknown> | undefined> => {
    const before = of.panelEvents('digest').length;
    of.event('digest');
    await waitFor('the digest comes', () => of.panelEvents('digest').length > before);
    return of.panelEvents('digest').at(-1);
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    await start();
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('seals every session, and the next worker continues them exactly', async () => {
    const all = Array.from({ length: 20 }, () => client());
    await Promise.all(all.map((one) => one.attach()));
    for (const one of all) one.write(randomBytes(100_000));
    const drain = startDrain(running.gate);
    const receipt = await receiptOfDrain(drain);
    expect(receipt.counts).toMatchObject({ checkpointed: 20, forced: 0, finished: 0, remaining: 0 });
    expect(receipt.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(drain.states.at(-1)).toBe(State.CLOSED);
    await Promise.all(all.map((one) => one.over()));
    for (const one of all) {
      expect(one.next).toMatchObject({ kind: 'reattach' });
      expect(one.drains()).toEqual([DrainPhase.NOTICE, DrainPhase.FREEZE, DrainPhase.READY]);
    }
    await running.stop();

    await start();
    expect((await statusOfGate(running.gate)).counts?.restored).toBe(20);
    for (const one of all) {
      one.write(randomBytes(5_000));
      const welcome = await one.attach();
      expect(welcome).toMatchObject({ outcome: ResumeOutcome.EXACT, incarnation: 2 });
    }
    await Promise.all(all.map((one) => one.echoed()));
    expect(all.map((one) => one.isExact)).toEqual(all.map(() => true));
    const [first] = all;
    expect(await digest(first!)).toMatchObject({ bytes: 105_000 });
  });

  test('refuses new sessions while cordoned and lets own ones re-attach', async () => {
    const alice = client();
    await alice.attach();
    await cordon(running.gate);
    await expect(client().attach()).rejects.toMatchObject({ code: 'CORDONED' });
    await alice.cut();
    alice.write(randomBytes(1000));
    await alice.attach();
    await alice.echoed();
    expect((await statusOfGate(running.gate)).state).toBe(State.CORDONED);
    await uncordon(running.gate);
    await client().attach();
  });

  test('obeys fences: an older controller and another restart are refused', async () => {
    await cordon(running.gate, command('restart-1', 5, 2));
    await expect(cordon(running.gate, command('restart-1', 4, 2))).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    await expect(cordon(running.gate, command('restart-1', 5, 1))).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    await expect(cordon(running.gate, command('restart-2', 5, 1))).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    await cordon(running.gate, command('restart-1', 6, 2));
    await expect(startDrain(running.gate, { command: command('restart-1', 5, 2) }).done).rejects.toMatchObject({
      code: 'GATE_REFUSED',
    });
  });

  test('goes on after a drain that was called off when it was complete, and the receipt is void', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(50_000));
    await receiptOfDrain(startDrain(running.gate));
    await alice.over();
    await expect(alice.attach()).rejects.toMatchObject({ code: 'WORKER_UNAVAILABLE' });
    await uncordon(running.gate);
    await expect(
      ask((callback) => running.gate.getReceipt({ restartUid: 'restart-1' }, callback)),
    ).rejects.toMatchObject({ code: 'RECEIPT_MISSING' });
    expect(await running.storage.checkpoints.verify(alice.sessionId)).toBeUndefined();
    await alice.attach();
    alice.write(randomBytes(50_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
    expect(alice.link.incarnation).toBe(1);
  });

  test('calls itself off at the deadline when asked to, and tells the client', async () => {
    const alice = client();
    await alice.attach();
    alice.event('hold', { ms: 60_000 });
    const drain = startDrain(running.gate, { onTimeout: OnTimeout.ABORT, timeoutMs: 300 });
    await drain.done;
    expect(drain.states.at(-1)).toBe(State.SERVING);
    alice.write(randomBytes(10_000));
    await alice.echoed();
    expect(alice.drains()).toContain(DrainPhase.CANCELLED);
    expect(drain.responses.flatMap(({ status }) => status?.holders ?? [])[0]).toMatchObject({
      operation: 'echo.hold',
      sessionId: alice.sessionId,
    });
  });

  test('names stuck sessions and forces exactly those; the others are sealed in time', async () => {
    const stuck = [client(), client()];
    const clean = Array.from({ length: 5 }, () => client());
    for (const one of [...stuck, ...clean]) await one.attach();
    for (const one of stuck) one.event('hold', { ms: 60_000 });
    for (const one of clean) one.write(randomBytes(30_000));
    const started = performance.now();
    const receipt = await receiptOfDrain(startDrain(running.gate, { timeoutMs: 3_000 }));
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(receipt.counts).toMatchObject({ checkpointed: 5, forced: 2, remaining: 0 });
    expect(receipt.forced.map(({ sessionId }) => sessionId).toSorted()).toEqual(
      stuck.map(({ sessionId }) => sessionId).toSorted(),
    );
    expect(receipt.forced.map(({ holders }) => holders[0]?.operation)).toEqual(['echo.hold', 'echo.hold']);
    for (const one of stuck) await one.over();
    expect(stuck[0]?.next).toMatchObject({ kind: 'ended' });
    await running.stop();
    await start();
    for (const one of clean) expect(await one.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    await Promise.all(clean.map((one) => one.echoed()));
    expect(clean.every((one) => one.isExact)).toBe(true);
  });
});

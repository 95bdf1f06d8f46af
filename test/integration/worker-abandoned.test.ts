import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createLatch, type Latch } from '#common/time/latch.js';
import { OnTimeout, State } from '#proto/gate/v1/gate.js';
import { waitFor } from '#test/support/wait-for.js';
import { command, cordon, startDrain, statusOfGate } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';

const leaseMs = 400;

/** A disk whose fsync of files hangs while `blocked` is set. */
function createSlowDisk(): { readonly fileSystem: FileSystem; blocked: Latch<void> | undefined } {
  const real = createNodeFileSystem();
  const disk: { readonly fileSystem: FileSystem; blocked: Latch<void> | undefined } = {
    blocked: undefined,
    fileSystem: {
      ...real,
      create: async (path, mode) => {
        const file = await real.create(path, mode);
        return {
          ...file,
          sync: async () => {
            await disk.blocked?.promise;
            await file.sync();
          },
        };
      },
    },
  };
  return disk;
}

jest.setTimeout(60_000);

describe('a drain whose controller is gone for good', () => {
  let dir: string;
  let running: RunningWorker;
  let alice: LinkClient;
  let disk: ReturnType<typeof createSlowDisk>;
  const stuckDrain = { leaseMs, timeoutMs: 60_000, onTimeout: OnTimeout.WAIT };

  const abandonIn = async (state: State, drain: ReturnType<typeof startDrain>): Promise<void> => {
    await waitFor(`the gate reaches ${State[state]}`, () => drain.states.includes(state));
    drain.abandon();
  };
  const expectServiceAgain = async (): Promise<void> => {
    const started = performance.now();
    for (;;) {
      if ((await statusOfGate(running.gate)).state === State.SERVING) break;
      if (performance.now() - started > leaseMs + 1_000) throw new Error('The gate stays closed.');
    }
    const bob = new LinkClient({ socket: running.socket });
    await bob.attach();
    bob.write(Buffer.from('new'));
    await bob.echoed();
    await bob.close();
    if (alice.call === undefined) await alice.attach();
    alice.write(randomBytes(20_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
    expect(alice.link.incarnation).toBe(1);
    expect(await running.storage.checkpoints.verify(alice.sessionId)).toBeUndefined();
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    disk = createSlowDisk();
    running = await startRunningWorker({ dir, fileSystem: disk.fileSystem, rules: { releaseMs: 20_000 } });
    alice = new LinkClient({ socket: running.socket });
    await alice.attach();
    alice.write(randomBytes(10_000));
    await alice.echoed();
  });
  afterEach(async () => {
    await alice.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('thaws from CORDONED', async () => {
    await cordon(running.gate, command(), leaseMs);
    await expectServiceAgain();
  });

  test('thaws from NOTIFIED', async () => {
    alice.event('hold', { ms: 700 });
    await abandonIn(State.NOTIFIED, startDrain(running.gate, { ...stuckDrain, noticeMs: 30_000 }));
    await expectServiceAgain();
  });

  test('thaws from FROZEN', async () => {
    alice.event('hold', { ms: 700 });
    await abandonIn(State.FROZEN, startDrain(running.gate, stuckDrain));
    await expectServiceAgain();
  });

  test('thaws from QUIESCED', async () => {
    alice.call?.pause();
    alice.write(randomBytes(1_000));
    await waitFor('the client is deaf', () => alice.call?.isPaused() === true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drain = startDrain(running.gate, stuckDrain);
    await abandonIn(State.QUIESCED, drain);
    const resume = expectServiceAgain();
    setTimeout(() => alice.call?.resume(), leaseMs);
    await resume;
    expect(drain.states).not.toContain(State.CHECKPOINTED);
  });

  test('thaws from CHECKPOINTED with the disk hanging, once it answers', async () => {
    const blocked = createLatch();
    disk.blocked = blocked;
    await abandonIn(State.CHECKPOINTED, startDrain(running.gate, stuckDrain));
    setTimeout(() => {
      disk.blocked = undefined;
      blocked.resolve();
    }, leaseMs + 200);
    await expectServiceAgain();
  });

  test('thaws from RELEASED', async () => {
    alice.call?.pause();
    alice.write(randomBytes(400_000));
    await abandonIn(State.RELEASED, startDrain(running.gate, stuckDrain));
    await alice.cut();
    await expectServiceAgain();
  });

  test('thaws from CLOSED', async () => {
    await abandonIn(State.CLOSED, startDrain(running.gate, stuckDrain));
    await expectServiceAgain();
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { OnTimeout, State } from '#proto/gate/v1/gate.js';
import { ResumeOutcome } from '#proto/session/v1/session.js';
import { receiptOfDrain, startDrain, statusOfGate } from '#test/support/gate-calls.js';
import { LinkClient } from '#test/support/link-client.js';
import { startRunningWorker, temporaryDirectory, type RunningWorker } from '#test/support/running-worker.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';

/** A disk that is full while `isFull` is set. */
function createFullDisk(): { readonly fileSystem: FileSystem; isFull: boolean } {
  const real = createNodeFileSystem();
  const disk = {
    isFull: false,
    fileSystem: {
      ...real,
      create: async (path: string, mode: number) => {
        const file = await real.create(path, mode);
        return {
          ...file,
          write: (bytes: Uint8Array) =>
            disk.isFull
              ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
              : file.write(bytes),
        };
      },
    },
  };
  return disk;
}

/** Which calls fail, and how. */
interface FailingDisk {
  readonly code: string;
  readonly call: 'read' | 'link' | 'rename' | 'syncDirectory';
  /** End of a path of the call. */
  readonly path: string;
  isFailing: boolean;
}

function createFailingDisk(failing: FailingDisk): FileSystem {
  const real = createNodeFileSystem();
  const { call, code, path } = failing;
  const failsAt = (...paths: string[]): boolean => failing.isFailing && paths.some((one) => one.endsWith(path));
  return {
    ...real,
    [call]: (...args: string[]): unknown =>
      failsAt(...args.map(String))
        ? Promise.reject(Object.assign(new Error(`${code}: ${call}`), { code }))
        : (real[call] as (...all: string[]) => unknown)(...args),
  };
}

jest.setTimeout(60_000);

describe('a worker whose storage fails', () => {
  let dir: string;
  let disk: ReturnType<typeof createFullDisk>;
  let running: RunningWorker;
  const clients: LinkClient[] = [];
  const client = (): LinkClient => {
    const made = new LinkClient({ socket: running.socket });
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    dir = await temporaryDirectory();
    disk = createFullDisk();
    running = await startRunningWorker({ dir, fileSystem: disk.fileSystem });
  });
  afterEach(async () => {
    for (const made of clients.splice(0)) await made.close();
    await running.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('refuses a new session with a clear error when the disk is full, and keeps the others', async () => {
    const alice = client();
    await alice.attach();
    disk.isFull = true;
    await expect(client().attach()).rejects.toMatchObject({
      code: 'STATE_DIR_UNUSABLE',
      message: expect.stringContaining('full'),
    });
    alice.write(randomBytes(10_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test('calls a drain off that cannot be written down, and loses nothing', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(10_000));
    disk.isFull = true;
    const drain = startDrain(running.gate, { onTimeout: OnTimeout.ABORT, timeoutMs: 700 });
    await drain.done;
    expect(drain.states).toContain(State.CHECKPOINTED);
    expect(drain.states.at(-1)).toBe(State.SERVING);
    alice.write(randomBytes(10_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
    disk.isFull = false;
  });

  test('seals as soon as there is space again', async () => {
    const alice = client();
    await alice.attach();
    disk.isFull = true;
    const drain = startDrain(running.gate, { timeoutMs: 8_000 });
    setTimeout(() => {
      disk.isFull = false;
    }, 300);
    expect((await receiptOfDrain(drain)).counts).toMatchObject({ checkpointed: 1, forced: 0 });
  });

  test('starts on a full disk, and brings sessions back once there is room', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(10_000));
    await alice.echoed();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    disk.isFull = true;
    running = await startRunningWorker({ dir, fileSystem: disk.fileSystem });
    await expect(alice.attach()).rejects.toMatchObject({
      code: 'WORKER_UNAVAILABLE',
      message: expect.stringMatching(/^The session is kept.* full/),
    });
    disk.isFull = false;
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
  });

  test('names sessions that could not be written down when it had to go on, with the reason', async () => {
    const alice = client();
    await alice.attach();
    disk.isFull = true;
    const receipt = await receiptOfDrain(startDrain(running.gate, { timeoutMs: 500 }));
    expect(receipt.counts).toMatchObject({ checkpointed: 0, forced: 1 });
    expect(receipt.forced[0]).toMatchObject({ sessionId: alice.sessionId, reason: expect.stringContaining('full') });
  });

  test('keeps a damaged checkpoint for a look and tells its client what is lost', async () => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(1_000));
    await alice.echoed();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    const files = join(dir, 'sessions', 'echo', alice.sessionId);
    await truncate(join(files, 'checkpoint.sealed'), 50);
    running = await startRunningWorker({ dir });
    expect((await statusOfGate(running.gate)).counts?.restored).toBe(0);
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.ROLLED_BACK });
    expect(alice.losses).toMatchObject([{ code: 'CHECKPOINT_UNREADABLE', input: { from: 1, through: 1 } }]);
    expect(await readdir(files)).toContain('checkpoint.unreadable');
  });

  /** Seals the session of a client, and starts the next worker on a disk that fails with `code` while `isFailing` says so. */
  const restartOn = async (failing: FailingDisk): Promise<LinkClient> => {
    const alice = client();
    await alice.attach();
    alice.write(randomBytes(10_000));
    await alice.echoed();
    await receiptOfDrain(startDrain(running.gate));
    await running.stop();
    running = await startRunningWorker({ dir, fileSystem: createFailingDisk(failing) });
    return alice;
  };

  test.each<[string, FailingDisk]>([
    ['it cannot be read now', { code: 'EMFILE', call: 'read', path: 'checkpoint.sealed', isFailing: true }],
    ['there is no room for its next life', { code: 'ENOSPC', call: 'link', path: '/2', isFailing: true }],
    ['its checkpoint cannot be used up', { code: 'EROFS', call: 'rename', path: 'checkpoint.sealed', isFailing: true }],
    ['nobody knows that it is used up', { code: 'EIO', call: 'syncDirectory', path: '', isFailing: false }],
  ])('keeps a session, asks its client to come again, and goes on exactly when it can: %s', async (_what, failing) => {
    const alice = await restartOn(failing);
    failing.isFailing = true;
    for (let tries = 0; tries < 2; tries++) {
      await expect(alice.attach()).rejects.toMatchObject({
        code: 'WORKER_UNAVAILABLE',
        message: expect.stringMatching(/^The session is kept.* Cannot /),
      });
      expect(alice.next).toMatchObject({ kind: 'reattach' });
    }
    failing.isFailing = false;
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.EXACT });
    alice.write(randomBytes(10_000));
    await alice.echoed();
    expect(alice.isExact).toBe(true);
  });

  test('never leaves a checkpoint that could not be used to a session that went on without it', async () => {
    const failing = { code: 'EPERM', call: 'rename', path: 'checkpoint.unreadable', isFailing: true } as const;
    const alice = await restartOn(failing);
    const files = join(dir, 'sessions', 'echo', alice.sessionId);
    await truncate(join(files, 'checkpoint.sealed'), 50);
    expect(await alice.attach()).toMatchObject({ outcome: ResumeOutcome.ROLLED_BACK });
    expect(await readdir(files)).not.toContain('checkpoint.sealed');
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isPaneletError, type PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createFaultyFileSystem, type Fault, type FaultyFileSystem } from '#test/support/faulty-file-system.js';
import { type CheckpointStore, createCheckpointStore } from './checkpoint-store.js';
import { createNodeFileSystem } from '#common/files/file-system.js';

const id = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));
let directory: string;
let own: string;

const storeOn = (fileSystem: FaultyFileSystem): CheckpointStore =>
  createCheckpointStore({ directory, fileSystem, log: createSilentLog() });
const healthy = (): CheckpointStore => storeOn(createFaultyFileSystem(createNodeFileSystem()));
const failure = async (work: Promise<unknown>): Promise<PaneletError | undefined> => {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isPaneletError(error)) return error;
    throw error;
  }
};
const empty = (): void => {
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
};
const faults = (calls: number): Fault[] =>
  Array.from({ length: calls }, (_, at) => at).flatMap((at) =>
    ['ENOSPC', 'EIO', 'EACCES', 'EROFS'].flatMap((code) =>
      (['once', 'on'] as const).flatMap((lasts) =>
        (['none', 'done'] as const).map((effect): Fault => ({ at, code, lasts, effect })),
      ),
    ),
  );

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-checkpoint-'));
  own = join(directory, id);
  mkdirSync(own);
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('checkpoint store', () => {
  test('gives back what was sealed, until it is consumed', async () => {
    const store = healthy();
    expect(await store.verify(id)).toBeUndefined();
    const sealed = await store.seal(id, content);
    expect(sealed.sizeBytes).toBe(content.length);
    expect(await store.verify(id)).toEqual(sealed);
    expect(await store.read(id)).toEqual(content);
    expect(await store.consume(id, 2)).toBe(true);
    expect(await store.read(id)).toBeUndefined();
    expect(await store.consume(id, 3)).toBe(false);
    expect(readdirSync(own)).toEqual(['checkpoint.consumed-2']);
  });

  test('keeps the last consumed checkpoint only, and nobody else may read the files', async () => {
    const store = healthy();
    for (const incarnation of [2, 3, 11]) {
      await store.seal(id, content);
      expect(statSync(join(own, 'checkpoint.sealed')).mode & 0o777).toBe(0o600);
      await store.consume(id, incarnation);
    }
    expect(readdirSync(own)).toEqual(['checkpoint.consumed-11']);
  });

  test('seals what is empty', async () => {
    await healthy().seal(id, Buffer.alloc(0));
    expect(await healthy().read(id)).toEqual(Buffer.alloc(0));
  });

  test('writes aside, forces it to the disk, reads it back, renames, and forces the directory', async () => {
    const fileSystem = createFaultyFileSystem(createNodeFileSystem());
    await storeOn(fileSystem).seal(id, content);
    await storeOn(fileSystem).consume(id, 2);
    expect(fileSystem.calls).toEqual([
      ...['create', 'write', 'sync', 'close', 'read', 'rename', 'syncDirectory'],
      ...['rename', 'syncDirectory', 'list'],
    ]);
  });

  test('after a failure at any step the sealed checkpoint is complete or there is none, and the reason names the directory', async () => {
    const counting = createFaultyFileSystem(createNodeFileSystem());
    await storeOn(counting).seal(id, content);
    expect(counting.calls.length).toBeGreaterThan(5);
    for (const fault of faults(counting.calls.length)) {
      empty();
      const error = await failure(storeOn(createFaultyFileSystem(createNodeFileSystem(), fault)).seal(id, content));
      const where = JSON.stringify(fault);
      expect([where, error?.code]).toEqual([
        where,
        ['EACCES', 'EROFS'].includes(fault.code) ? 'STATE_DIR_UNUSABLE' : 'CHECKPOINT_FAILED',
      ]);
      expect(error?.message).toContain(own);
      expect(error?.message).toMatch(/: (?:free some space|let the user|mount it writable|look at the kernel log)/);
      const left = await healthy().read(id);
      expect([where, left === undefined || left.equals(content)]).toEqual([where, true]);
      // A disk that fails once is cleaned up behind.
      if (fault.lasts === 'once') expect([where, readdirSync(own)]).toEqual([where, []]);
    }
  });

  test('a consume that fails at any step can be repeated, and one that succeeds leaves nothing sealed', async () => {
    await healthy().seal(id, content);
    const counting = createFaultyFileSystem(createNodeFileSystem());
    await storeOn(counting).consume(id, 2);
    for (const fault of faults(counting.calls.length)) {
      empty();
      await healthy().seal(id, content);
      const error = await failure(storeOn(createFaultyFileSystem(createNodeFileSystem(), fault)).consume(id, 2));
      if (error) await healthy().consume(id, 2);
      const where = JSON.stringify(fault);
      expect([where, readdirSync(own)]).toEqual([where, ['checkpoint.consumed-2']]);
    }
  });

  test('a consume whose last step fails once leaves it sealed: the session did not go on, and is exact still', async () => {
    await healthy().seal(id, content);
    const fault: Fault = { at: 1, code: 'EIO', lasts: 'once', effect: 'none' };
    const store = storeOn(createFaultyFileSystem(createNodeFileSystem(), fault));
    expect((await failure(store.consume(id, 2)))?.code).toBe('CHECKPOINT_FAILED');
    expect(await store.read(id)).toEqual(content);
    expect(await store.consume(id, 3)).toBe(true);
    expect(readdirSync(own)).toEqual(['checkpoint.consumed-3']);
  });

  test.each([
    ['EMFILE', 'STATE_DIR_UNUSABLE', 'checkpoint.sealed'],
    ['EACCES', 'STATE_DIR_UNUSABLE', 'checkpoint.sealed'],
    ['EIO', 'CHECKPOINT_UNREADABLE', 'checkpoint.unreadable'],
  ])('one that cannot be read (%s) is %s, and is %s afterwards', async (code, expected, left) => {
    await healthy().seal(id, content);
    const fault: Fault = { at: 0, code, lasts: 'once', effect: 'none' };
    const store = storeOn(createFaultyFileSystem(createNodeFileSystem(), fault));
    expect((await failure(store.read(id)))?.code).toBe(expected);
    expect(readdirSync(own)).toEqual([left]);
  });

  test('a checkpoint cut at any length is refused and kept', async () => {
    await healthy().seal(id, Buffer.from('state'));
    const file = readFileSync(join(own, 'checkpoint.sealed'));
    for (let size = 0; size < file.length; size++) {
      empty();
      writeFileSync(join(own, 'checkpoint.sealed'), file.subarray(0, size));
      const error = await failure(healthy().read(id));
      expect([size, error?.code]).toEqual([size, 'CHECKPOINT_UNREADABLE']);
      expect(readdirSync(own)).toEqual(['checkpoint.unreadable']);
      expect(readFileSync(join(own, 'checkpoint.unreadable')).length).toBe(size);
      expect(await healthy().verify(id)).toBeUndefined();
    }
  });

  test('a checkpoint with any bit turned is refused', async () => {
    await healthy().seal(id, content);
    const file = readFileSync(join(own, 'checkpoint.sealed'));
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(file);
        damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at);
        writeFileSync(join(own, 'checkpoint.sealed'), damaged);
        expect((await failure(healthy().verify(id)))?.code).toBe('CHECKPOINT_UNREADABLE');
      }),
      { numRuns: 200 },
    );
  });

  test('a checkpoint of a later format is refused by its version', async () => {
    await healthy().seal(id, content);
    const file = readFileSync(join(own, 'checkpoint.sealed'));
    file.writeUInt32BE(2, 8);
    writeFileSync(join(own, 'checkpoint.sealed'), file);
    expect((await failure(healthy().read(id)))?.message).toMatch(
      /its format has version 2, and this worker reads 1\. It is kept as .*checkpoint\.unreadable/,
    );
  });

  test('a disk that returns other bytes than were written is noticed before anything is sealed', async () => {
    const real = createNodeFileSystem();
    const lying = {
      ...createFaultyFileSystem(real),
      read: async (path: string) => {
        const bytes = await real.read(path);
        bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
        return bytes;
      },
    };
    expect((await failure(storeOn(lying).seal(id, content)))?.code).toBe('CHECKPOINT_FAILED');
    expect(readdirSync(own)).toEqual([]);
  });

  test.each(['../../etc', '..', '', 'x'.repeat(36), '3F2B8F4E-0C1D-4B7A-9A55-000000000001', `${id}/..`])(
    'refuses the session id %j, which is no UUID in lower case',
    async (wrong) => {
      const store = healthy();
      const works: (() => Promise<unknown>)[] = [
        () => store.seal(wrong, content),
        () => store.read(wrong),
        () => store.consume(wrong, 1),
      ];
      for (const work of works) {
        expect((await failure(work()))?.code).toBe('FRAME_INVALID');
      }
    },
  );
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createFaultyFileSystem, type Fault } from '#test/support/faulty-file-system.js';
import { createMemoryDisk } from '#test/support/memory-disk.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';
import { createIncarnationStore } from './incarnation.js';
import { InstanceFile } from './instances.js';

const id = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
let directory: string;
const fileOf = (where: string, number: number, fileSystem: FileSystem): InstanceFile =>
  new InstanceFile(where, { number, id: `instance ${number}` }, fileSystem);
const storeOn = (fileSystem: FileSystem = createNodeFileSystem(), number = 1) =>
  createIncarnationStore({ directory, instanceFile: fileOf(directory, number, fileSystem), fileSystem });
const names = (): readonly string[] => readdirSync(join(directory, id, 'incarnations')).sort();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-incarnation-'));
  mkdirSync(join(directory, id));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('incarnations', () => {
  test('rise', async () => {
    expect(await storeOn().read(id)).toEqual({ incarnation: 0, decided: 0, owner: undefined });
    for (const incarnation of [1, 2, 9, 10]) expect(await storeOn().claim(id, incarnation)).toBe(true);
    expect(await storeOn().read(id)).toMatchObject({ incarnation: 10, decided: 0 });
  });

  test('are claimed, and decided, by one only, however many try at the same moment', async () => {
    const stores = [storeOn(undefined, 1), storeOn(undefined, 2)];
    for (let incarnation = 1; incarnation <= 10; incarnation++) {
      for (const what of ['claim', 'decide'] as const) {
        const tries = Array.from({ length: 4 }, () => stores.map((store) => store[what](id, incarnation))).flat();
        expect((await Promise.all(tries)).filter(Boolean).length).toBe(1);
      }
    }
  });

  test('that were passed cannot be claimed any more', async () => {
    await storeOn().claim(id, 5);
    expect(await storeOn().claim(id, 4)).toBe(false);
    expect(await storeOn().claim(id, 5)).toBe(false);
    await storeOn().decide(id, 7);
    expect(await storeOn().claim(id, 6)).toBe(false);
  });

  test('belong to who decided last, and until then to who claimed the first', async () => {
    await storeOn(undefined, 1).claim(id, 1);
    expect((await storeOn().read(id)).owner).toEqual({ number: 1, id: 'instance 1' });
    await storeOn(undefined, 2).claim(id, 2);
    expect((await storeOn().read(id)).owner).toMatchObject({ number: 1 });
    await storeOn(undefined, 2).decide(id, 2);
    expect(await storeOn().read(id)).toEqual({
      ...{ incarnation: 2, decided: 2 },
      owner: { number: 2, id: 'instance 2' },
    });
    await storeOn(undefined, 1).claim(id, 3);
    expect(await storeOn().read(id)).toMatchObject({ incarnation: 3, decided: 2, owner: { number: 2 } });
    expect(names()).toEqual(['1', '2', '2.live', '3']);
  });

  test('that an earlier release has claimed, as directories, count and are nobody’s', async () => {
    mkdirSync(join(directory, id, 'incarnations', '1'), { recursive: true });
    mkdirSync(join(directory, id, 'incarnations', '2'));
    expect(await storeOn().read(id)).toEqual({ incarnation: 2, decided: 0, owner: undefined });
    expect(await storeOn().claim(id, 2)).toBe(false);
    expect(await storeOn().claim(id, 3)).toBe(true);
    expect(await storeOn().decide(id, 3)).toBe(true);
    expect(await storeOn().read(id)).toMatchObject({ incarnation: 3, decided: 3, owner: { number: 1 } });
  });

  test('are as durable as they have to be: a power cut ends all instances, and what they claimed stays claimed', async () => {
    const disk = createMemoryDisk();
    const { fileSystem } = disk.mount();
    await fileSystem.mkdirs(join('/panel', id), 0o700);
    const named = fileOf('/panel', 1, fileSystem);
    const store = createIncarnationStore({ directory: '/panel', instanceFile: named, fileSystem });
    for (const incarnation of [1, 2]) {
      await store.claim(id, incarnation);
      await store.decide(id, incarnation);
    }
    disk.cutPower();
    expect(await store.read(id)).toMatchObject({ incarnation: 2, decided: 1 });
    expect(await store.claim(id, 2)).toBe(false);
  });

  test('of a session that has gone are not claimed, and do not bring it back', async () => {
    rmSync(join(directory, id), { recursive: true });
    expect(await storeOn().claim(id, 2)).toBe(false);
    expect(await storeOn().decide(id, 2)).toBe(false);
    expect(readdirSync(directory)).toEqual(['instances']);
  });

  test('that cannot be written down are not claimed', async () => {
    const counting = createFaultyFileSystem(createNodeFileSystem());
    await storeOn(counting).claim(id, 1);
    rmSync(join(directory, id, 'incarnations'), { recursive: true });
    for (let at = 0; at < counting.calls.length; at++) {
      const fault: Fault = { at, code: 'EIO', lasts: 'on', effect: 'none' };
      const error: unknown = await storeOn(createFaultyFileSystem(createNodeFileSystem(), fault))
        .claim(id, at + 2)
        .catch((caught: unknown) => caught);
      expect(PaneletError.from(error).code).toBe('STATE_DIR_UNUSABLE');
    }
  });

  test('of a session id that is no UUID are refused', async () => {
    const error: unknown = await storeOn()
      .claim('../x', 1)
      .catch((caught: unknown) => caught);
    expect(PaneletError.from(error).code).toBe('FRAME_INVALID');
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createFaultyFileSystem } from '#test/support/faulty-file-system.js';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { createIncarnationStore } from './incarnation.js';

const id = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
let directory: string;
const store = () => createIncarnationStore({ directory, fileSystem: createNodeFileSystem() });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-incarnation-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('incarnations', () => {
  test('rise', async () => {
    expect(await store().highest(id)).toBe(0);
    for (const incarnation of [1, 2, 9, 10]) expect(await store().claim(id, incarnation)).toBe(true);
    expect(await store().highest(id)).toBe(10);
  });

  test('are claimed by one only, however many try at the same moment', async () => {
    for (let incarnation = 1; incarnation <= 10; incarnation++) {
      const claims = await Promise.all(Array.from({ length: 8 }, () => store().claim(id, incarnation)));
      expect(claims.filter(Boolean).length).toBe(1);
    }
  });

  test('that were passed cannot be claimed any more', async () => {
    await store().claim(id, 5);
    expect(await store().claim(id, 4)).toBe(false);
    expect(await store().claim(id, 5)).toBe(false);
  });

  test('that cannot be written down are not claimed', async () => {
    const counting = createFaultyFileSystem(createNodeFileSystem());
    await createIncarnationStore({ directory, fileSystem: counting }).claim(id, 1);
    for (let at = 0; at < counting.calls.length; at++) {
      const fileSystem = createFaultyFileSystem(createNodeFileSystem(), {
        at,
        code: 'EIO',
        lasts: 'on',
        effect: 'none',
      });
      const error: unknown = await createIncarnationStore({ directory, fileSystem })
        .claim(id, at + 2)
        .catch((caught: unknown) => caught);
      expect(PaneletError.from(error).code).toBe('STATE_DIR_UNUSABLE');
    }
  });

  test('of a session id that is no UUID are refused', async () => {
    const error: unknown = await store()
      .claim('../x', 1)
      .catch((caught: unknown) => caught);
    expect(PaneletError.from(error).code).toBe('FRAME_INVALID');
  });
});

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isPaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSystemClock } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import { createFaultyFileSystem } from '#test/support/faulty-file-system.js';
import { createNodeFileSystem, type FileSystem } from '#common/files/file-system.js';
import { openPanelStorage } from './panel-storage.js';

let stateDir: string;
const open = (panel = 'echo', fileSystem?: FileSystem) =>
  openPanelStorage({
    stateDir,
    panel,
    clock: createSystemClock(),
    log: createSilentLog(),
    random: createSystemRandom(),
    ...(fileSystem && { fileSystem }),
  });
const failure = (panel?: string, fileSystem?: FileSystem): Promise<unknown> =>
  open(panel, fileSystem).catch((error: unknown) => error);

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'panelet-state-'));
});

afterEach(() => {
  rmSync(stateDir, { recursive: true });
});

describe('panel storage', () => {
  test('belongs to one worker of a panel at a time; another panel has its own', async () => {
    const echo = await open();
    const logs = await open('logs');
    expect(isPaneletError(await failure(), 'ALREADY_RUNNING')).toBe(true);
    await echo.close();
    await (await open()).close();
    await logs.close();
  });

  test('keeps a session from its opening to its restore', async () => {
    const id = '3f2b8f4e-0c1d-4b7a-9a55-000000000001';
    const first = await open();
    const record = {
      ...{ id, panel: 'echo', owner: 'alice', tokenKey: '00', clientId: 'c', parameters: {} },
      ...{ createdAt: '2026-01-31T10:00:00Z', version: '1' },
    };
    expect(await first.records.create(id)).toBe(true);
    expect(await first.ownership.begin(id)).toBe(true);
    await first.records.write(record);
    expect(await first.ownership.decide(id, 1)).toBe(true);
    await first.checkpoints.seal(id, Buffer.from('state'));
    await first.close();
    const second = await open();
    expect((await second.records.list()).records).toEqual([record]);
    expect((await second.checkpoints.verify(id))?.sizeBytes).toBe(5);
    const standing = await second.ownership.look(id);
    expect(standing).toEqual({ kind: 'nobody', incarnation: 1, decided: 1 });
    expect(await second.ownership.claim(id, standing)).toBe(true);
    expect(await second.ownership.decide(id, 2)).toBe(true);
    expect(await second.checkpoints.consume(id, 2)).toBe(true);
    expect(await second.checkpoints.read(id)).toBeUndefined();
    await second.records.remove(id);
    expect(existsSync(join(stateDir, 'sessions', 'echo', id))).toBe(false);
    await second.close();
  });

  test('says which directory cannot be used and what to do', async () => {
    for (const [code, remedy] of [
      ['EACCES', /let the user of this process read and write there/],
      ['EROFS', /mount it writable/],
      ['ENOSPC', /free some space there/],
    ] as const) {
      const faulty = createFaultyFileSystem(createNodeFileSystem(), { at: 0, code, lasts: 'on', effect: 'none' });
      const error = await failure('echo', faulty);
      expect(isPaneletError(error, 'STATE_DIR_UNUSABLE')).toBe(true);
      expect((error as Error).message).toMatch(remedy);
      expect((error as Error).message).toContain(join(stateDir, 'sessions', 'echo'));
    }
    writeFileSync(join(stateDir, 'sessions'), '');
    expect(isPaneletError(await failure(), 'STATE_DIR_UNUSABLE')).toBe(true);
  });

  test('lets go of the lock when it cannot be opened', async () => {
    const faulty = createFaultyFileSystem(createNodeFileSystem(), { at: 1, code: 'EIO', lasts: 'on', effect: 'none' });
    expect(isPaneletError(await failure('echo', faulty), 'STATE_DIR_UNUSABLE')).toBe(true);
    await (await open()).close();
  });

  test.each(['../echo', 'a/b', '', '.', 'Echo', 'x'.repeat(64)])('refuses the panel name %j', async (panel) => {
    expect(isPaneletError(await failure(panel), 'CONFIG_INVALID')).toBe(true);
  });
});

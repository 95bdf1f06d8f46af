import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PaneletError } from '#common/errors/errors.js';
import { createFaultyFileSystem, type Fault } from '#test/support/faulty-file-system.js';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { createSessionRecordStore, type SessionRecord } from './session-record.js';

const recordOf = (number: number): SessionRecord => ({
  id: `3f2b8f4e-0c1d-4b7a-9a55-00000000000${number}`,
  panel: 'echo',
  owner: 'alice',
  tokenKey: 'ab'.repeat(32),
  clientId: 'client',
  parameters: { mode: 'echo' },
  createdAt: '2026-01-31T10:00:00Z',
  version: '1',
});
const record = recordOf(1);
let directory: string;

const storeOn = (fault?: Fault) =>
  createSessionRecordStore({ directory, fileSystem: createFaultyFileSystem(createNodeFileSystem(), fault) });

const made = async (number: number): Promise<void> => {
  expect(await storeOn().create(recordOf(number).id)).toBe(true);
};
const sweep = (isAbandoned: boolean): Promise<void> => storeOn().sweep(() => Promise.resolve(isAbandoned));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-records-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('session records', () => {
  test('are there for the next process, and for nobody else', async () => {
    await made(1);
    await storeOn().write(record);
    await made(2);
    await storeOn().write(recordOf(2));
    expect(await storeOn().read(record.id)).toEqual(record);
    expect((await storeOn().list()).records).toEqual([record, recordOf(2)]);
    expect(statSync(join(directory, record.id)).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, record.id, 'record.json')).mode & 0o777).toBe(0o600);
  });

  test('are of a session that only one can make', async () => {
    await made(1);
    await storeOn().write(record);
    expect(await storeOn().create(record.id)).toBe(false);
    expect(await storeOn().read(record.id)).toEqual(record);
    const gone: unknown = await storeOn()
      .write(recordOf(2))
      .catch((error: unknown) => error);
    expect(PaneletError.from(gone).code).toBe('STATE_DIR_UNUSABLE');
  });

  test('can be replaced', async () => {
    await made(1);
    await storeOn().write(record);
    await storeOn().write({ ...record, clientId: 'another' });
    expect((await storeOn().read(record.id))?.clientId).toBe('another');
  });

  test('are removed with everything of the session, as often as one likes', async () => {
    await made(1);
    await storeOn().write(record);
    writeFileSync(join(directory, record.id, 'checkpoint.sealed'), 'x');
    await storeOn().remove(record.id);
    await storeOn().remove(record.id);
    expect(await storeOn().read(record.id)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('that cannot be read are kept and reported with the reason', async () => {
    await made(1);
    await storeOn().write(record);
    for (const text of ['', '{', '{"id":"x"}', JSON.stringify(recordOf(2))]) {
      writeFileSync(join(directory, record.id, 'record.json'), text);
      const { records, unreadable } = await storeOn().list();
      expect(records).toEqual([]);
      expect(unreadable).toEqual([
        { sessionId: record.id, reason: expect.stringContaining('record.json cannot be read') },
      ]);
    }
  });

  test('after a failure at any step the old record or the new one is there, whole', async () => {
    const old = { ...record, clientId: 'old' };
    await made(1);
    await storeOn().write(old);
    const counting = createFaultyFileSystem(createNodeFileSystem());
    await createSessionRecordStore({ directory, fileSystem: counting }).write(old);
    for (let at = 0; at < counting.calls.length; at++) {
      for (const code of ['ENOSPC', 'EIO', 'EROFS']) {
        await storeOn().write(old);
        const error = await storeOn({ at, code, lasts: 'on', effect: 'done' })
          .write(record)
          .then(
            () => undefined,
            (caught: unknown) => PaneletError.from(caught),
          );
        expect(error?.code).toBe('STATE_DIR_UNUSABLE');
        expect(error?.message).toContain(`Cannot write a session record in ${directory}.`);
        expect(['old', 'client']).toContain((await storeOn().read(record.id))?.clientId);
      }
    }
  });

  test('sweeping forgets what a crash left half created or half removed, and nothing else', async () => {
    await made(1);
    await storeOn().write(record);
    mkdirSync(join(directory, recordOf(2).id));
    writeFileSync(join(directory, recordOf(2).id, 'record.json.tmp'), '{');
    mkdirSync(join(directory, 'removed-1', 'incarnations'), { recursive: true });
    mkdirSync(join(directory, 'lock'));
    await sweep(false);
    expect(readdirSync(directory).sort()).toEqual([record.id, recordOf(2).id, 'lock']);
    await sweep(true);
    expect(readdirSync(directory).sort()).toEqual([record.id, 'lock']);
  });

  test('sweeping leaves alone what this process is just making', async () => {
    const store = storeOn();
    await store.create(record.id);
    await store.sweep(() => Promise.resolve(true));
    await store.write(record);
    expect(await store.read(record.id)).toEqual(record);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createResumeStore, isHeld, resumeStoreDir, type SavedSession } from './resume-store.js';

const session = (sessionId: string, savedAt: string): SavedSession => ({
  version: 1,
  sessionId,
  panel: 'terminal',
  resumeToken: 'c2VjcmV0',
  incarnation: 1,
  node: 'node-a',
  ttlMs: 900_000,
  address: '127.0.0.1:7443',
  savedAt,
});

describe('the resume store', () => {
  let home: string;
  let dir: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'panelet-resume-'));
    dir = resumeStoreDir({ XDG_STATE_HOME: join(home, 'state') }, home) ?? '';
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  test('knows a session that a process is attached to, for as long as that runs', async () => {
    const store = createResumeStore(dir);
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    for (const heldBy of [undefined, process.pid, process.ppid, gone]) {
      await store.save({ ...session('one', '2026-01-01T00:00:00.000Z'), heldBy });
      expect([heldBy, isHeld(await store.load('one'))]).toEqual([heldBy, heldBy === process.ppid]);
    }
  });

  test('gives back what was saved, latest first, to its user only', async () => {
    const store = createResumeStore(dir);
    await store.save(session('one', '2026-01-01T00:00:00.000Z'));
    await store.save(session('two', '2026-01-02T00:00:00.000Z'));
    expect((await store.list()).map((saved) => saved.sessionId)).toEqual(['two', 'one']);
    expect(await store.load('one')).toEqual(session('one', '2026-01-01T00:00:00.000Z'));
    expect((await stat(join(dir, 'one.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    await store.remove('one');
    await expect(store.load('one')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('keeps nothing where there is no home, and says why', async () => {
    const store = createResumeStore(resumeStoreDir({}, undefined));
    await expect(store.save(session('one', '2026-01-01T00:00:00.000Z'))).rejects.toThrow('HOME is not set');
    expect(await store.list()).toEqual([]);
    await expect(store.load('one')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('is empty before anything was saved, and stays below its directory', async () => {
    const store = createResumeStore(dir);
    expect(await store.list()).toEqual([]);
    await expect(store.load('../../etc/passwd')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('says which file is damaged, and lists the others', async () => {
    const store = createResumeStore(dir);
    await store.save(session('one', '2026-01-01T00:00:00.000Z'));
    await writeFile(join(dir, 'two.json'), '{"version":1');
    await expect(store.load('two')).rejects.toThrow(/two\.json cannot be read\. Remove it/);
    expect(await store.list()).toHaveLength(1);
  });

  test('is where the XDG specification says', () => {
    expect(resumeStoreDir({}, '/home/a')).toBe('/home/a/.local/state/panelet/sessions');
    expect(resumeStoreDir({ XDG_STATE_HOME: '/s' }, '/home/a')).toBe('/s/panelet/sessions');
  });
});

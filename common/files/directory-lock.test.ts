import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isPaneletError, PaneletError } from '../errors/errors.js';
import { createSystemRandom } from '../random.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';

const random = createSystemRandom();
let directory: string;

const attempt = async (): Promise<DirectoryLock | PaneletError> =>
  lockDirectory(directory, { random }).catch((error: unknown) => PaneletError.from(error));
const held = (result: DirectoryLock | PaneletError): result is DirectoryLock => !isPaneletError(result);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-lock-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('directory lock', () => {
  test('lets one in, says who it is, and lets the next in after its release', async () => {
    const first = await lockDirectory(directory, { random });
    const second = await attempt();
    expect(PaneletError.from(second).code).toBe('ALREADY_RUNNING');
    expect(PaneletError.from(second).message).toContain(`pid ${process.pid}`);
    await Promise.all([first.release(), first.release()]);
    const third = await lockDirectory(directory, { random });
    await third.release();
  });

  test('lets exactly one in of many who try at the same moment, round after round', async () => {
    for (let round = 0; round < 15; round++) {
      const results = await Promise.all(Array.from({ length: 6 }, () => attempt()));
      const winners = results.filter(held);
      expect(winners.length).toBe(1);
      for (const loser of results.filter((result) => !held(result))) {
        expect((loser as PaneletError).code).toBe('ALREADY_RUNNING');
      }
      await winners[0]?.release();
    }
    // Locks that were passed are removed.
    const last = await lockDirectory(directory, { random });
    expect(readdirSync(directory).filter((name) => name.startsWith('lock-')).length).toBe(1);
    expect(readdirSync(directory).filter((name) => name.startsWith('claim-'))).toEqual([]);
    await last.release();
  });

  test('is free as soon as its owner is killed, and not while it is only stopped', async () => {
    // What an owner leaves in the directory: a socket called lock-<n> that it listens on.
    const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))`;
    const owner = spawn(process.execPath, ['-e', script, join(directory, 'lock-4')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(owner.stdout, 'data');
    expect(held(await attempt())).toBe(false);
    owner.kill('SIGSTOP');
    expect(held(await attempt())).toBe(false);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const next = await lockDirectory(directory, { random });
    expect(readdirSync(directory)).toContain('lock-5');
    expect(readdirSync(directory)).not.toContain('lock-4');
    await next.release();
  });

  test('works in a directory whose path is longer than that of a socket may be', async () => {
    const deep = join(directory, 'x'.repeat(120), 'y'.repeat(120));
    const lock = await lockDirectory(deep, { random });
    const second: unknown = await lockDirectory(deep, { random }).catch((error: unknown) => error);
    expect(isPaneletError(second, 'ALREADY_RUNNING')).toBe(true);
    await lock.release();
  });

  test('says what to do where it cannot be taken', async () => {
    writeFileSync(join(directory, 'file'), '');
    const error: unknown = await lockDirectory(join(directory, 'file', 'lock'), { random }).catch(
      (caught: unknown) => caught,
    );
    expect(isPaneletError(error, 'STATE_DIR_UNUSABLE')).toBe(true);
    expect((error as Error).message).toMatch(/A part of the path is a file: choose another state directory/);
  });

  test('leaves no descriptor open', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    mkdirSync(join(directory, 'a'));
    await (await lockDirectory(directory, { random })).release();
    const before = count();
    await (await lockDirectory(directory, { random })).release();
    expect(count()).toBe(before);
  });
});

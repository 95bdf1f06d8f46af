import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { lockDirectory } from './cluster-lock.js';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-lock-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('lock of a dev cluster directory', () => {
  test('keeps a second dev cluster out and names the first', () => {
    const unlock = lockDirectory(directory, process.pid);
    expect(() => lockDirectory(directory, process.pid)).toThrow(new RegExp(`pid ${process.pid}`));
    unlock();
    lockDirectory(directory, process.pid)();
  });

  test('is taken over from a process that is gone, even when its id is in use again', () => {
    writeFileSync(join(directory, 'devcluster.lock'), JSON.stringify({ pid: process.pid, startTime: 1 }));
    lockDirectory(directory, process.pid);
    expect(JSON.parse(readFileSync(join(directory, 'devcluster.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  test('says that a directory cannot be used', () => {
    expect(() => lockDirectory(join(directory, 'missing'), process.pid)).toThrow(/Cannot write .*missing/);
  });
});

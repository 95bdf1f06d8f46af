import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { makeDirectory } from './make-directory.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-make-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

// What a full disk says is seen in test/integration/full-disk.test.ts.
describe('making a directory', () => {
  test('makes those above it too, with the mode, however many ask at once', async () => {
    const path = join(directory, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeDirectory(path, 0o700)));
    for (const one of [path, join(directory, 'a')]) expect(statSync(one).mode & 0o777).toBe(0o700);
    await makeDirectory(path, 0o755);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await makeDirectory('/', 0o700);
  });

  test('says what is in the way', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(makeDirectory(join(directory, 'file'), 0o700)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeDirectory(join(directory, 'file', 'a', 'b'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

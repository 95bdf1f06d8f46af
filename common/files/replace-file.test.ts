import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { replaceFile, replaceFileSync, type ReplaceOptions } from './replace-file.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'panelet-replace-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Replace = (path: string, content: string, options?: ReplaceOptions) => Promise<void>;
const atOnce: Replace = (...args) => {
  replaceFileSync(...args);
  return Promise.resolve();
};

test.each([
  ['later', replaceFile],
  ['at once', atOnce],
])(
  'a file that is replaced %s has the new content for its owner alone, and nothing is left beside it',
  async (_, replace) => {
    const file = join(dir, 'a');
    await replace(file, 'old');
    await replace(file, 'new', { mode: 0o640, aside: join(dir, 'own') });
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    await replace(file, 'newer');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['a']);
  },
);

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createRedirectFile } from './redirect-file.js';

let parent = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'panelet-redirect-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

test('only its user reads the file, and nobody else looks into its directory', async () => {
  const umask = process.umask(0);
  try {
    const { path } = await createRedirectFile(parent, 'http://127.0.0.1:1/#token=t');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
  } finally {
    process.umask(umask);
  }
});

test('it leads to the address, whatever is in it', async () => {
  const { path } = await createRedirectFile(parent, `http://127.0.0.1:1/#token="><script>`);
  const page = await readFile(path, 'utf8');
  expect(page).toContain('content="0;url=http://127.0.0.1:1/#token=&#34;&#62;&#60;script&#62;"');
  expect(page).not.toContain('<script');
});

test('nothing is left of it, also when it is removed twice or at the end of the process', async () => {
  const one = await createRedirectFile(parent, 'a');
  const two = await createRedirectFile(parent, 'b');
  await one.remove();
  await one.remove();
  two.removeNow();
  expect(await readdir(parent)).toEqual([]);
});

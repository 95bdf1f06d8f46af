import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createFakeClock, type FakeClock } from '#common/time/clock.js';
import { waitFor } from '#test/support/wait-for.js';
import { createBrowserOpener, type BrowserOpener } from './open-browser.js';

let dir = '';
let clock: FakeClock;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'panelet-open-'));
  clock = createFakeClock();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function opener(script: string): Promise<BrowserOpener> {
  const program = join(dir, 'browser');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return createBrowserOpener({ clock, parents: [join(dir, 'none'), dir], program });
}

const left = async (): Promise<readonly string[]> =>
  (await readdir(dir)).filter((name) => name.startsWith('panelet-board-'));

test('leads a browser to the address by a file, which goes after a minute', async () => {
  const browser = await opener('cat "$1" >"$0.saw"; echo "$@" >"$0.args"');
  expect(await browser.open('http://127.0.0.1:1/#token=secret')).toBe(true);
  expect(await readFile(join(dir, 'browser.saw'), 'utf8')).toContain('url=http://127.0.0.1:1/#token=secret');
  expect(await readFile(join(dir, 'browser.args'), 'utf8')).not.toContain('secret');
  expect(await left()).toHaveLength(1);
  clock.advance(60_000);
  await waitFor('that it is gone', async () => (await left()).length === 0);
});

test('says so where there is no browser, or none that starts', async () => {
  const none = createBrowserOpener({ clock, parents: [join(dir, 'none'), dir], program: join(dir, 'nothing') });
  expect(await none.open('a')).toBe(false);
  await none.forget();
  const failing = await opener('exit 3');
  expect(await failing.open('a')).toBe(false);
  await failing.forget();
  expect(await left()).toEqual([]);
});

test('takes a browser for open that goes on, and leaves only what leads to the last address', async () => {
  const browser = await opener('exec sleep 60 & echo $! >"$0.pid"; wait');
  const opened = browser.open('a');
  await waitFor('its start', async () => (await readdir(dir)).includes('browser.pid'));
  clock.advance(3_000);
  expect(await opened).toBe(true);
  process.kill(Number(await readFile(join(dir, 'browser.pid'), 'utf8')));
  const again = await opener('exit 0');
  expect(await browser.open('b')).toBe(true);
  expect(await left()).toHaveLength(1);
  await browser.forget();
  await again.forget();
  expect(await left()).toEqual([]);
});

test('leaves one file of several that are asked for at once, and none where it is forgotten meanwhile', async () => {
  const browser = await opener('exit 0');
  await Promise.all(['a', 'b', 'c'].map((address) => browser.open(address)));
  expect(await left()).toHaveLength(1);
  const opened = browser.open('d');
  await browser.forget();
  await opened;
  expect(await left()).toEqual([]);
});

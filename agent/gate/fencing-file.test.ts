import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createSilentLog } from '#common/log.js';
import { openFencingFile } from './fencing-file.js';

const log = createSilentLog();
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fencing-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('what was saved is there after a start', async () => {
  const store = await openFencingFile(dir, log, '1');
  expect(store.stored).toBe(0);
  await store.save(7);
  await store.save(8);
  expect((await openFencingFile(dir, log, '1')).stored).toBe(8);
});

test('what another agent of the node has saved is read as it is now', async () => {
  const [one, other] = [await openFencingFile(dir, log, '1'), await openFencingFile(dir, log, '2')];
  expect(await one.read()).toBeUndefined();
  await other.save(9);
  expect(await one.read()).toBe(9);
});

test.each(['', '{', '{"highest":-1}', '{"highest":9007199254740991}', '{"highest":"8"}'])(
  'a node whose file holds %j takes the first number that comes',
  async (text) => {
    await writeFile(join(dir, 'fencing.json'), text);
    const store = await openFencingFile(dir, log, '1');
    expect(store.stored).toBe(0);
    await store.save(3);
    expect(JSON.parse(await readFile(join(dir, 'fencing.json'), 'utf8'))).toEqual({ highest: 3 });
  },
);

test('a number that cannot be stored is told', async () => {
  const store = await openFencingFile(join(dir, 'gone'), log, '1');
  await expect(store.save(1)).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
});

test('agents that store a number at the same time do not get into each other’s way', async () => {
  const [one, other] = [await openFencingFile(dir, log, '1'), await openFencingFile(dir, log, '2')];
  for (let number = 1; number <= 40; number += 2) {
    await Promise.all([one.save(number), other.save(number + 1)]);
    expect([number, number + 1]).toContain(await one.read());
  }
  expect(readdirSync(dir)).toEqual(['fencing.json']);
});

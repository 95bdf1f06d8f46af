import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import { createNodeFileSystem } from '#common/files/file-system.js';
import { createUidBook } from './uid-book.js';

let directory: string;
const open = (count = 100, fileSystem = createNodeFileSystem()) =>
  createUidBook({
    fileSystem,
    directory: join(directory, 'owners'),
    range: { first: 70_000, count, identities: {} },
    random: createSystemRandom(),
  });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panelet-uids-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the book of uids', () => {
  test('gives each owner one uid, whoever of several workers is asked at once', async () => {
    const books = Array.from({ length: 4 }, () => open());
    const owners = Array.from({ length: 20 }, (_, index) => `owner ${index}`);
    const given = await Promise.all(books.map((book) => Promise.all(owners.map((owner) => book.uidOf(owner)))));
    for (const uids of given) expect(uids).toEqual(given[0]);
    expect(new Set(given[0]).size).toBe(owners.length);
    expect(readdirSync(join(directory, 'owners')).sort()).toEqual(owners.map((_, index) => String(70_000 + index)));
  });

  test('knows after a restart who has which', async () => {
    const first = [await open().uidOf('ann'), await open().uidOf('bob')];
    const again = open();
    expect([await again.uidOf('bob'), await again.uidOf('ann')].reverse()).toEqual(first);
  });

  test('refuses when all are given, and still knows those who have one', async () => {
    const book = open(1);
    await book.uidOf('ann');
    await expect(book.uidOf('bob')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', message: /none is given twice/ });
    expect(await book.uidOf('ann')).toBe(70_000);
  });

  test('keeps names apart whatever is in them, and finds each again', async () => {
    const long = 'x'.repeat(65_536);
    const names = [
      '..',
      '../70000',
      '70000',
      'a:b',
      'a\nb',
      'a',
      'a ',
      ' a',
      'A',
      'á',
      'a\u0301',
      '\0',
      '\u{feff}a',
      '🙂',
    ];
    const odd = [...names, long, `${long}y`];
    const given = await Promise.all(odd.map((owner) => open().uidOf(owner)));
    expect(new Set(given).size).toBe(odd.length);
    const again = open();
    for (const [index, owner] of odd.entries()) expect(await again.uidOf(owner)).toBe(given[index]);
    expect(readdirSync(join(directory, 'owners')).sort()).toEqual(given.map(String).sort());
  });

  test('gives no uid to what is no text: read again it would be a stranger, and take one after the other', async () => {
    for (const owner of ['\ud800', 'a\udfff']) {
      await expect(open(5).uidOf(owner)).rejects.toMatchObject({ code: 'IDENTITY_REFUSED' });
    }
    expect(await open(5).uidOf('ann')).toBe(70_000);
  });

  test('gives nothing that a power cut could give to another owner', async () => {
    const real = createNodeFileSystem();
    // After the first one, for what is written aside: when the uid has its name, and nobody knows whether it keeps it.
    let broken = true;
    let calls = 0;
    const syncDirectory = (path: string): Promise<void> =>
      broken && ++calls > 1
        ? Promise.reject(Object.assign(new Error('EIO: fsync'), { code: 'EIO' }))
        : real.syncDirectory(path);
    const book = open(5, { ...real, syncDirectory });
    for (let tries = 0; tries < 3; tries++) {
      await expect(book.uidOf('ann')).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' });
    }
    broken = false;
    expect(await book.uidOf('ann')).toBe(70_000);
    expect(readdirSync(join(directory, 'owners'))).toEqual(['70000']);
  });
});

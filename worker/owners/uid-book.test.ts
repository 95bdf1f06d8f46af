import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSystemRandom } from '#common/random.js';
import { createUidBook } from './uid-book.js';

let directory: string;
const open = (count = 100) =>
  createUidBook({
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
});

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

interface Row {
  readonly file: string;
  readonly name: string;
}

/** Rows of a page whose last column names a file and a test in it; `*` stands for all of the file. */
function rowsOf(page: string): readonly Row[] {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| .+ \| `([\w./-]+\.ts)`: (.+) \|$/gm);
  return [...rows].map(([, file = '', name = '']) => ({ file, name }));
}

describe.each([
  ['docs/reference/proofs.md', 40],
  ['SECURITY.md', 10],
])('%s', (page, least) => {
  const rows = rowsOf(page);

  test('says of most things what shows them', () => {
    expect(rows.length).toBeGreaterThan(least);
  });

  test.each(rows)('$file has the test "$name"', ({ file, name }) => {
    expect(existsSync(file)).toBe(true);
    if (name === '*') return;
    const text = readFileSync(file, 'utf8');
    expect(text.includes(`'${name}'`)).toBe(true);
  });
});

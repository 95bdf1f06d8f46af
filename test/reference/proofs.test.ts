import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const page = readFileSync('docs/reference/proofs.md', 'utf8');
/** Rows that name a file and a test in it; `*` stands for all of the file. */
const rows = [...page.matchAll(/^\| .+ \| `([\w./-]+\.ts)`: (.+) \|$/gm)].map(([, file = '', name = '']) => ({
  file,
  name,
}));

describe('docs/reference/proofs.md', () => {
  test('has a row for most features', () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  test.each(rows)('$file has the test "$name"', ({ file, name }) => {
    expect(existsSync(file)).toBe(true);
    if (name === '*') return;
    const text = readFileSync(file, 'utf8');
    expect(text.includes(`'${name}'`)).toBe(true);
  });
});

import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { exitCodes } from '#client/cli/exit-codes.js';

const text = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');

test('docs/reference/cli.md has every exit code of the CLI, and no other', () => {
  const described = [...text.matchAll(/^\| (\d+) \| ([a-z-]+) \| (.+) \|$/gm)].map(([, code, name, meaning]) => ({
    code: Number(code),
    name,
    meaning,
  }));
  expect(described).toEqual(Object.values(exitCodes));
});

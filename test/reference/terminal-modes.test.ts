import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { switchedModes } from '#common/terminal/switched-modes.js';
import { terminalStates } from '#common/terminal/terminal-modes.js';

const reference = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'terminal.md'), 'utf8');

test('docs/reference/terminal.md has every mode, with its number and how it starts, and every other state', () => {
  const rows = reference.split('\n').filter((line) => line.startsWith('| '));
  const first = rows.map((row) => row.split(' | ')[0]?.slice(2));
  for (const { name, number, ansi, initially } of switchedModes) {
    expect(rows).toContain(`| ${name} | \`${ansi === true ? '' : '?'}${number}\` | ${initially} |`);
  }
  const names = terminalStates.map((state) => state.name);
  const documented = first.slice(first.indexOf('mode'));
  expect(documented.filter((name) => name !== 'mode' && name !== 'state').sort()).toEqual([...names].sort());
});

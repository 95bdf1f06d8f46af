import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { exitCodes } from '#client/cli/io/exit-codes.js';
import { cliOutputOf, cliWordsAt } from '#test/support/cli-words.js';

const text = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');

test('docs/reference/cli.md has every exit code of the CLI, and no other', () => {
  const described = [...text.matchAll(/^\| (\d+) \| ([a-z-]+) \| (.+) \|$/gm)].map(([, code, name, meaning]) => ({
    code: Number(code),
    name,
    meaning,
  }));
  expect(described).toEqual(Object.values(exitCodes));
});

test('docs/reference/cli.md has every command of the CLI, and no other', async () => {
  const [, table = ''] = text.split('| command | what it does |');
  const described = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(described.sort()).toEqual((await cliWordsAt('')).sort());
});

test('docs/reference/cli.md has every option by which agents are found and trusted', async () => {
  const elsewhere = ['--output', '--verbose', '--version', '--help'];
  for (const option of await cliWordsAt('-')) {
    if (!elsewhere.includes(option)) expect(text).toContain(`\`${option}\``);
  }
});

test('the help of every command has the options by which agents are found, and that of the output', async () => {
  for (const command of await cliWordsAt('')) {
    const help = await cliOutputOf(command, '--help');
    for (const option of ['--node', '--address', '--output']) expect(`${command}: ${help}`).toContain(` ${option} <`);
  }
});

test('the help of a command shows durations as they are typed', async () => {
  const help = await cliOutputOf('drain', '--help');
  expect(help).toMatch(/--timeout <duration>.*\(default: 60s\)/);
  expect(help).not.toMatch(/default: \d+\)/);
});

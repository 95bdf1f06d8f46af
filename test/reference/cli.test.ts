import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { completeArgument } from '#client/cli/completion-scripts.js';
import { exitCodes } from '#client/cli/exit-codes.js';
import { runCli } from '#client/cli/program.js';
import { createSystemClock } from '#common/clock.js';
import { createSeededRandom } from '#common/random.js';

const text = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');

test('docs/reference/cli.md has every exit code of the CLI, and no other', () => {
  const described = [...text.matchAll(/^\| (\d+) \| ([a-z-]+) \| (.+) \|$/gm)].map(([, code, name, meaning]) => ({
    code: Number(code),
    name,
    meaning,
  }));
  expect(described).toEqual(Object.values(exitCodes));
});

/** Words that the command line has at a place, by its own definitions. */
async function wordsAt(...words: string[]): Promise<string[]> {
  const stdout = new PassThrough();
  await runCli([completeArgument, ...words], {
    name: 'panelet',
    env: {},
    homeDir: '/nonexistent',
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    clock: createSystemClock(),
    random: createSeededRandom(1),
    stop: new AbortController().signal,
    version: '0',
  });
  const lines = String(stdout.read()).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith(':')).map((line) => line.replace(/\t.*/, ''));
}

test('docs/reference/cli.md has every command of the CLI, and no other', async () => {
  const [, table = ''] = text.split('| command | what it does |');
  const described = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(described.sort()).toEqual((await wordsAt('')).sort());
});

test('docs/reference/cli.md has every option by which agents are found and trusted', async () => {
  const elsewhere = ['--output', '--verbose', '--version', '--help'];
  for (const option of await wordsAt('-')) {
    if (!elsewhere.includes(option)) expect(text).toContain(`\`${option}\``);
  }
});

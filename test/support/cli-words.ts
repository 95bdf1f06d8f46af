import { PassThrough } from 'node:stream';
import { completeArgument } from '#client/cli/completion/completion-scripts.js';
import { runCli } from '#client/cli/commands.js';
import { createSystemClock } from '#common/time/clock.js';
import { createSeededRandom } from '#common/random.js';

/** What a command line of the CLI writes to standard output, in this process. */
export async function cliOutputOf(...argv: string[]): Promise<string> {
  const stdout = new PassThrough();
  await runCli(argv, {
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
    boardDirectory: '',
  });
  return String(stdout.read());
}

/** Words that the command line of the CLI has at a place, by its own definitions; the last word is the one to complete. */
export async function cliWordsAt(...words: string[]): Promise<string[]> {
  const lines = (await cliOutputOf(completeArgument, ...words)).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith(':')).map((line) => line.replace(/\t.*/, ''));
}

import { PassThrough } from 'node:stream';
import { runCli } from '#client/cli/commands.js';
import type { CliWorld } from '#client/cli/io/cli-world.js';
import { createSeededRandom } from '#common/random.js';
import { createSystemClock } from '#common/time/clock.js';

/** A command of the CLI that runs in this process. */
export interface CliRun {
  /** What it wrote so far, on both outputs. */
  readonly text: string;
  /** Its exit code. */
  readonly ended: Promise<number>;
}

/** Starts a command of the CLI, by default on nothing that is a terminal and by the system's clock. */
export function startCli(
  argv: readonly string[],
  world: Pick<CliWorld, 'env' | 'homeDir'> & Partial<Pick<CliWorld, 'clock' | 'stop'>>,
): CliRun {
  const out = new PassThrough();
  let text = '';
  out.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = runCli([...argv], {
    name: 'panelet',
    stdin: new PassThrough(),
    stdout: out,
    stderr: out,
    clock: createSystemClock(),
    random: createSeededRandom(1),
    stop: new AbortController().signal,
    version: '0',
    boardDirectory: '',
    ...world,
  });
  return {
    get text() {
      return text;
    },
    ended,
  };
}

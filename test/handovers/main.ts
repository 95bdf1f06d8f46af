import { dirname, join, resolve } from 'node:path';
import { chdir } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type * as Sdk from '#client/sdk.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { positiveCount } from '#test/bench/positive-count.js';
import { handoversReport } from './report.js';
import { runHandovers } from './run-handovers.js';

interface Options {
  readonly count: number;
  readonly sessions: number;
  readonly seed: number;
  readonly faults: number;
  readonly sdk?: string;
}

function share(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Must be a number from 0 to 1.');
}

const options = new Command('panelet-handovers')
  .description(
    'Replaces a worker by a newer one beside it, again and again, while sessions write; kills workers and cuts clients at ' +
      'random moments. Exits 0 only when nothing was lost without a kill, and nothing ever repeated or moved.',
  )
  .option('--count <count>', 'how often', positiveCount, 1_000)
  .option('--sessions <count>', 'that write meanwhile', positiveCount, 8)
  .option('--seed <number>', 'decides bytes, faults and their moments', positiveCount, 1)
  .option('--faults <share>', 'of the handovers in which something is broken, from 0 to 1', share, 0.3)
  .option('--sdk <file>', 'client of another release: its dist/sdk.js')
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const stopping = new AbortController();
onStop(process, () => {
  say('Stopping after this handover.');
  stopping.abort();
  return Promise.resolve();
});

const sdk =
  options.sdk === undefined ? undefined : ((await import(pathToFileURL(resolve(options.sdk)).href)) as typeof Sdk);
// Programs are found from the root of the repository.
chdir(join(dirname(fileURLToPath(import.meta.url)), '..', '..'));

say(`seed ${options.seed}: ${options.count} handovers, ${options.sessions} sessions`);
const report = await runHandovers({
  ...options,
  faultShare: options.faults,
  createClient: sdk?.createPaneletClient,
  clock: createSystemClock({ keepsAlive: true }),
  signal: stopping.signal,
  onServing: (address) => say(`serving at ${address}`),
  onHandover: ({ index }) => {
    if (index % 20 === 0) say(`${index}/${options.count}`);
  },
});
for (const line of handoversReport(report)) say(line);
if (report.wrong.length > 0) process.exitCode = 1;

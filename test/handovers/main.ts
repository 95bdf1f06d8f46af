import { dirname, join, resolve } from 'node:path';
import { chdir } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type * as Sdk from '#client/sdk.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { positiveCount } from '#test/bench/positive-count.js';
import { faults as faultNames, type Fault } from './fault.js';
import { handoversReport } from './report.js';
import { runHandovers } from './run-handovers.js';

interface Options {
  readonly count: number;
  readonly first: number;
  readonly sessions: number;
  readonly seed: number;
  readonly faults: number;
  readonly only?: Fault;
  readonly sdk?: string;
}

function share(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Must be a number from 0 to 1.');
}

const options = new Command('panelet-handovers')
  .description(
    'Replaces the worker of a node by a newer one beside it, again and again, while sessions write: the agent of another ' +
      'pod takes over, or the agent replaces its worker. Kills workers, agents and clients and cuts connections at random ' +
      'moments. Exits 0 only when nothing was lost without a worker killed, nothing ever repeated or moved, and nothing is left.',
  )
  .option('--count <count>', 'how often', positiveCount, 1_000)
  .option('--first <number>', 'of the handovers: what happens in one follows from seed and number', positiveCount, 1)
  .option('--sessions <count>', 'that write meanwhile', positiveCount, 8)
  .option('--seed <number>', 'decides bytes, ways, faults and their moments', positiveCount, 1)
  .option('--faults <share>', 'of the handovers in which something is broken, from 0 to 1', share, 0.3)
  .addOption(new Option('--only <fault>', 'that there is').choices(faultNames))
  .option('--sdk <file>', 'client of another release: its dist/sdk.js')
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const stopping = new AbortController();
onStop(process, () => {
  say('Stopping after this handover.');
  stopping.abort();
  // It ends by itself then, with a report.
  return undefined;
});

const sdk =
  options.sdk === undefined ? undefined : ((await import(pathToFileURL(resolve(options.sdk)).href)) as typeof Sdk);
// Programs are found from the root of the repository.
chdir(join(dirname(fileURLToPath(import.meta.url)), '..', '..'));

const { seed, count, first, sessions, faults, only } = options;
const chosen = only === undefined ? '' : ` --only '${only}'`;
const repeat = (from: number, times: number): string =>
  `npm run handovers -- --seed ${seed} --sessions ${sessions} --faults ${faults}${chosen} --first ${from} --count ${times}`;

say(
  `seed ${seed}: ${count} handovers, ${sessions} sessions, something is broken in ${faults * 100} % of the handovers`,
);
let next = first;
try {
  const report = await runHandovers({
    ...options,
    faultShare: faults,
    createClient: sdk?.createPaneletClient,
    clock: createSystemClock({ keepsAlive: true }),
    signal: stopping.signal,
    onServing: (address) => say(`serving at ${address}`),
    onHandover: ({ index }) => {
      next = index + 1;
      const done = next - first;
      if (done % 20 === 0) say(`${done}/${count}`);
    },
  });
  for (const line of handoversReport(report)) say(line);
  if (report.wrong.length > 0) {
    say(`Again: ${repeat(first, count)}`);
    process.exitCode = 1;
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  say(`Again: ${repeat(first, count)}, or the last one alone: ${repeat(next, 1)}`);
  process.exitCode = 1;
}

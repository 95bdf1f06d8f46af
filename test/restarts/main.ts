import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { messageOf } from '#common/errors/errors.js';
import { createLog } from '#common/log.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { positiveCount } from '#test/bench/positive-count.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { soakReport } from '../soak/report.js';
import { isSoakFlawless } from '../soak/soak.js';
import { runRestarts } from './run-restarts.js';

interface Options {
  readonly count: number;
  readonly first: number;
  readonly sessions: number;
  readonly seed: number;
  readonly nodes: number;
  readonly keep: boolean;
}

const options = new Command('panelet-restarts')
  .description(
    'Restarts the agents of a dev cluster again and again while echo sessions write: beside their replacements and alone, paused, called ' +
      'off, overtaken, and with a template that crashes. Exits 0 only when not a byte was lost, repeated or moved, no client saw an ' +
      'error, and every restart ended as it should.',
  )
  .option('--count <count>', 'how often', positiveCount, 1_000)
  .option('--first <number>', 'of the restarts: what happens in one follows from seed and number', positiveCount, 1)
  .option('--sessions <count>', 'that write meanwhile', positiveCount, 8)
  .option('--seed <number>', 'decides bytes, kinds of restart and moments', positiveCount, 1)
  .option('--nodes <count>', 'how many, restarted at the same time', positiveCount, 1)
  .option('--keep', 'leave the directory of the cluster, with its logs', false)
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const stopping = new AbortController();
onStop(process, () => {
  say('Stopping after this restart.');
  stopping.abort();
  // It ends by itself then, with a report.
  return undefined;
});

const binDirectory = dirname(fileURLToPath(import.meta.url));
let test: TestCluster | undefined;
try {
  const { seed, count, sessions, nodes } = options;
  say(`seed ${seed}: ${count} restarts, ${sessions} sessions, nodes: ${nodes}`);
  test = await startTestCluster({
    ...{ binDirectory, root: join(binDirectory, '..', '..'), nodes },
    log: createLog({ name: 'panelet-restarts', level: 'error' }),
  });
  await test.agentsReady(60_000);
  const clock = createSystemClock({ keepsAlive: true });
  const result = await runRestarts({ ...options, test, clock, say, signal: stopping.signal });
  for (const line of soakReport(result)) say(line);
  process.exitCode = isSoakFlawless(result) ? 0 : 1;
} catch (error) {
  say(`! ${messageOf(error)}`);
  process.exitCode = 1;
}
const left = (await test?.stop({ keep: options.keep })) ?? [];
for (const line of left) say(`! ${line}`);
if (left.length > 0) process.exitCode = 1;
if (options.keep && test !== undefined) say(`Logs are in ${test.dir}.`);

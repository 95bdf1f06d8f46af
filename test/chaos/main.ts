import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { environmentVariable, type E2eEnvironment } from '#test/e2e/support/environment.js';
import { prepare } from '#test/e2e/support/preparation.js';
import { openWorld } from '#test/e2e/support/world.js';
import { mountDisks, type Disks } from './disks.js';
import { moveStateTo } from './install.js';
import { chaosReport } from './report.js';
import { runChaos } from './run-chaos.js';

interface Flags {
  readonly faults: number;
  readonly seed: number;
  readonly keep: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Must be a whole number.');
}

const flags = new Command('panelet-chaos')
  .description(
    'Faults at random moments on a real Kubernetes, with sessions in the middle of transfers and restarts under way. ' +
      'Exits 0 only when every invariant holds. Makes the cluster it breaks: Linux, root, Go.',
  )
  .option('--faults <count>', 'how many', wholeNumber, 100)
  .option('--seed <number>', 'decides faults, moments, restarts and bytes', wholeNumber, 1)
  .option('--keep', 'leave the cluster and the release', false)
  .parse()
  .opts<Flags>();

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const clock = createSystemClock({ keepsAlive: true });
const startMs = clock.nowMs();
const stopping = new AbortController();

function say(line: string): void {
  const seconds = Math.floor((clock.nowMs() - startMs) / 1000);
  const time = `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  process.stdout.write(`${time} ${line}\n`);
}

onStop(
  process,
  (signal) => {
    stopping.abort(new Error(signal));
    say('Stopping: what is broken is healed first; once more to leave it as it is.');
    return undefined;
  },
  () => process.exit(130),
);

async function breakAndJudge(environment: E2eEnvironment, disks: Disks): Promise<boolean> {
  const file = join(environment.workDir, 'environment.json');
  writeFileSync(file, JSON.stringify(environment, null, 2));
  process.env[environmentVariable] = file;
  const world = await openWorld();
  try {
    say('state onto small disks');
    await moveStateTo(world, disks, clock);
    const result = await runChaos({ world, disks, ...flags, clock, say, signal: stopping.signal });
    for (const line of chaosReport(result)) process.stdout.write(`${line}\n`);
    return result.violations.length === 0 && !stopping.signal.aborted;
  } finally {
    await world.close();
  }
}

async function main(): Promise<number> {
  const step = (what: string): void => say(`── ${what}`);
  const preparation = await prepare({ root, env: process.env, kubeconfig: undefined, image: undefined, step });
  const { environment } = preparation;
  const { ownCluster: cluster } = environment;
  if (cluster === undefined) throw new Error('Only a cluster that was made for it may be broken.');
  const disks = await mountDisks({ cluster, nodes: ['node1', 'node2'], clock });
  try {
    return (await breakAndJudge(environment, disks)) ? 0 : 1;
  } finally {
    await preparation.remove({ keep: flags.keep });
    if (!flags.keep) await disks.remove();
  }
}

process.exit(await main());

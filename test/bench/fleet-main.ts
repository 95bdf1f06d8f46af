import { Command, Option } from 'commander';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { restartFleet, type FleetCost, type FleetOrder } from './fleet/simulated-restart.js';
import { positiveCount } from './positive-count.js';

interface Options {
  readonly pods: readonly number[];
  readonly order: FleetOrder | 'both';
  readonly atOnce: string;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const counts = (text: string): number[] => text.split(',').map(positiveCount);

const titles: Readonly<Record<FleetOrder, string>> = {
  beside: 'Each pod goes once its replacement serves beside it:',
  after: 'Each pod goes, and its replacement takes its place:',
};

const { pods, order, atOnce } = new Command('panelet-bench-fleet')
  .description(
    'What a restart costs the controller, by the number of pods: the real controller restarts a simulated fleet in simulated ' +
      'time. Each row beside the first one in the same run.',
  )
  .option('--pods <counts>', 'numbers of pods, one row each', counts, [200, 800, 2000, 5000])
  .addOption(
    new Option('--order <order>', 'how a replacement comes: beside the old pod, or after it')
      .choices(['both', 'beside', 'after'])
      .default('both'),
  )
  .option('--at-once <share>', 'how many at a time; never more than 50', '10%')
  .parse()
  .opts<Options>();

/** Writes of each kind for a pod: `patch pods 2.00, …`; what is done once for all of them is left out. */
function writesText({ pods: count, writes }: FleetCost): string {
  const kinds = [...writes].filter(([, number]) => number / count >= 0.05).sort(([, a], [, b]) => b - a);
  return kinds.map(([kind, number]) => `${kind} ${(number / count).toFixed(2)}`).join(', ');
}

function rowOf(cost: FleetCost, baseMs: number): string[] {
  const { pods: count, cpuMs, looks, asks, writes, heapBytes, tookMs } = cost;
  const total = [...writes.values()].reduce((sum, number) => sum + number, 0);
  return [
    String(count),
    formatMs(cpuMs / count),
    `${(cpuMs / count / baseMs).toFixed(2)} ×`,
    (looks / count).toFixed(1),
    (asks / count).toFixed(0),
    (total / count).toFixed(2),
    formatBytes(heapBytes),
    `${Math.round(tookMs / 1000)} s`,
    writesText(cost),
  ];
}

async function measure(how: FleetOrder): Promise<void> {
  // The first one is for the compiler.
  await restartFleet({ pods: 50, order: how, atOnce });
  const costs: FleetCost[] = [];
  for (const count of pods) costs.push(await restartFleet({ pods: count, order: how, atOnce }));
  const baseMs = costs[0] === undefined ? 1 : costs[0].cpuMs / costs[0].pods;
  const heads = [
    'pods',
    'CPU a pod',
    ': first row',
    'looks',
    'questions',
    'writes',
    'heap',
    'simulated',
    'of the writes',
  ];
  say('');
  say(titles[how]);
  for (const line of textTable(
    heads,
    costs.map((cost) => rowOf(cost, baseMs)),
  ))
    say(line);
}

say(
  `At most ${atOnce} of the pods at a time, and never more than 50. Looks, questions to gates and writes are for each pod.`,
);
for (const how of order === 'both' ? (['beside', 'after'] as const) : [order]) await measure(how);

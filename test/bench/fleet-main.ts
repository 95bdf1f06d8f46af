import { Command } from 'commander';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { restartFleet } from './fleet/simulated-restart.js';
import { positiveCount } from './positive-count.js';

interface Options {
  readonly pods: readonly number[];
  readonly maxUnavailable: string;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const counts = (text: string): number[] => text.split(',').map(positiveCount);

const { pods, maxUnavailable } = new Command('panelet-bench-fleet')
  .description(
    'What a restart costs the controller, by the number of pods: the real controller restarts a simulated fleet in simulated ' +
      'time. Each row beside the first one in the same run.',
  )
  .option('--pods <counts>', 'numbers of pods, one row each', counts, [200, 800, 2000, 5000])
  .option('--max-unavailable <share>', 'how many at a time; never more than 50', '10%')
  .parse()
  .opts<Options>();

// The first one is for the compiler.
await restartFleet(50, maxUnavailable);
const costs = [];
for (const count of pods) costs.push(await restartFleet(count, maxUnavailable));
const base = costs[0] === undefined ? 1 : costs[0].cpuMs / costs[0].pods;
const rows = costs.map(({ pods: count, cpuMs, looks, asks, writes, heapBytes, tookMs }) => [
  String(count),
  formatMs(cpuMs / count),
  `${(cpuMs / count / base).toFixed(2)} ×`,
  (looks / count).toFixed(1),
  (asks / count).toFixed(0),
  (writes / count).toFixed(2),
  formatBytes(heapBytes),
  `${Math.round(tookMs / 1000)} s`,
]);
say(
  `At most ${maxUnavailable} of the pods at a time, and never more than 50. Looks, questions to gates and writes are for each pod.`,
);
say('');
const titles = ['pods', 'CPU a pod', ': first row', 'looks', 'questions', 'writes', 'heap', 'simulated'];
for (const line of textTable(titles, rows)) say(line);

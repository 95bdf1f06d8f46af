/** A day of short calls in some minutes: tells whether the memory of agent and worker stays where it is. */
import { Command, InvalidArgumentError } from 'commander';
import { attackerToken, startAttackedAgent } from './attacked-agent.js';
import { churnAttaches, churnCalls, newSessions } from './churn.js';
import { growthOf, type Growth } from './growth.js';
import { heapMib, residentMib } from './process-memory.js';
import { onStop } from '#common/process/on-stop.js';

interface Options {
  readonly calls: number;
  readonly attaches: number;
  readonly against?: string;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Must be a whole number.');
}

const options = new Command('panelet-endurance')
  .description('Unary calls and attaches without end: exits 0 only when agent and worker need no more memory for them.')
  .option('--calls <count>', 'how many unary calls', wholeNumber, 1_000_000)
  .option('--attaches <count>', 'how many attaches', wholeNumber, 100_000)
  .option('--against <program>', 'the agent to start, instead of the one that is built here')
  .parse()
  .opts<Options>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const steps = 100;
const told = 10;
const ends = ['left', 'refused', 'left', 'left'] as const;
const sessions = newSessions();

const agent = await startAttackedAgent(
  options.against === undefined ? { limits: { callsPerSecond: 100_000 } } : { agent: options.against },
);
const pids = { agent: agent.process().child.pid ?? 0, worker: agent.workerPid() };
const residents = { agent: [] as number[], worker: [] as number[] };
let unanswered = 0;

async function tell(step: number): Promise<void> {
  const cells: string[] = [];
  for (const name of ['agent', 'worker'] as const) {
    const heap = await heapMib(agent.home.dir, pids[name]);
    const { now } = residentMib(pids[name]);
    cells.push(`${name} RSS ${now.toFixed(1)} MiB, heap after a collection ${heap.toFixed(1)} MiB`);
  }
  say(`${String(step).padStart(3)} % | ${cells.join(' | ')}`);
}

function describe(name: string, growth: Growth, operations: number): string {
  const { fromMib, toMib, allowedMib, isFlat } = growth;
  const bytes = ((toMib - fromMib) * 1024 * 1024) / operations;
  const medians = `medians of the last two quarters ${fromMib.toFixed(1)} and ${toMib.toFixed(1)} MiB`;
  const verdict = isFlat ? 'flat' : `NOT flat (allowed: ${allowedMib} MiB)`;
  return `${name}: RSS is ${verdict}, ${medians}, ${bytes.toFixed(1)} B for each call`;
}

async function run(): Promise<boolean> {
  const calls = Math.ceil(options.calls / steps);
  const attaches = Math.ceil(options.attaches / steps);
  const { target } = agent;
  // Opens the connections and compiles what is needed.
  await churnCalls({ target, token: attackerToken, count: 200 });
  pids.worker = agent.workerPid();
  await tell(0);
  for (let step = 1; step <= steps; step++) {
    const answered = await churnCalls({ target, token: attackerToken, count: calls, atOnce: 64 });
    unanswered += calls - answered;
    await churnAttaches({ target, token: attackerToken, count: attaches, sessions }, ends);
    for (const name of ['agent', 'worker'] as const) residents[name].push(residentMib(pids[name]).now);
    if (step % told === 0) await tell(step);
  }
  const quarter = (calls + attaches) * (steps / 4);
  const growths = { agent: growthOf(residents.agent), worker: growthOf(residents.worker) };
  for (const name of ['agent', 'worker'] as const) say(describe(name, growths[name], quarter));
  if (unanswered > 0) say(`${unanswered} calls were not answered`);
  return growths.agent.isFlat && growths.worker.isFlat && unanswered === 0;
}

onStop(process, () => agent.close());
let isFlat = false;
try {
  isFlat = await run();
} catch (error) {
  say(`! ${(error as Error).message}`);
  const ended = agent.agentEnded();
  if (ended !== undefined) say(`! the agent died: ${ended}`);
} finally {
  await agent.close();
}
process.exit(isFlat ? 0 : 1);

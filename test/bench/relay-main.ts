/**
 * The relay against its peers: messages per second, latency, CPU, uploads over a distance, and memory per idle session, in one
 * run on one machine. Both ends are grpc-js with messages as bytes and the same for every peer; only what is between differs.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { startDelayProxies, type DelayTask } from './relay/delay-proxy.js';
import { startBenchWorker, startGrpcJsRelay, type GrpcJsRelayTask, type WorkerTask } from './relay/ends.js';
import { peerKinds, type PeerKind } from './relay/peers.js';
import { createPlan } from './relay/plan.js';
import { runPlan } from './relay/run-plan.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly sessions: readonly number[];
  readonly only: string;
  readonly peers: readonly string[];
  readonly before?: string;
}

const self = fileURLToPath(import.meta.url);
const clock = createSystemClock({ keepsAlive: true });
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const stopped = new AbortController();

function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('Must be a number above 0.');
}

function readOptions(): Options {
  const list = (text: string): string[] => text.split(',');
  return new Command('panelet-bench-relay')
    .description('The relay against its peers, in one run.')
    .option('--rounds <count>', 'each row is the median of so many; all peers in turn in each', positive, 3)
    .option('--seconds <seconds>', 'of each measurement', positive, 1.5)
    .option('--sessions <counts>', 'numbers of idle sessions', (text) => list(text).map(positive), [100, 1_000, 10_000])
    .option('--only <text>', 'rows with this in their title or that of their table, for example TLS, Upload, Idle', '')
    .option('--peers <names>', 'as the tables name them, with commas', list, [])
    .option('--before <file>', 'panelet-agent.js of another build, as one more peer')
    .parse()
    .opts<Options>();
}

function chooseKinds({ peers, before }: Options): readonly PeerKind[] {
  const agent = join(dirname(self), 'panelet-agent.js');
  const kinds = peerKinds({ self, agent, before, path: process.env['PATH'] ?? '' }, say);
  const known = kinds.map(({ name }) => name);
  for (const name of peers)
    if (!known.includes(name)) say(`${name}: no such peer here; there are: ${known.join(', ')}`);
  const chosen = kinds.filter(({ name }) => peers.length === 0 || peers.includes(name));
  if (chosen.length === 0) throw new Error('There is no peer to measure.');
  return chosen;
}

async function run(): Promise<boolean> {
  const options = readOptions();
  const { rounds, seconds, sessions, only } = options;
  const kinds = chooseKinds(options);
  const { signal } = stopped;
  const plan = createPlan({ clock, durationMs: seconds * 1000, sessions, only, self, signal });
  say(`Medians of ${rounds} rounds of ${seconds} s, all peers in turn in each round.`);
  return runPlan(plan, { clock, self, kinds, rounds, signal, say });
}

const roles: Readonly<Record<string, (task: unknown) => Promise<unknown>>> = {
  worker: (task) => startBenchWorker(task as WorkerTask),
  'grpc-js': (task) => startGrpcJsRelay(task as GrpcJsRelayTask),
  delay: async (task) => (await startDelayProxies(task as DelayTask, clock)).ports,
};

const [first, role = '', task = ''] = process.argv.slice(2);
if (first === 'role') {
  // Whoever started it is gone: so is the need for it.
  process.on('disconnect', () => process.exit());
  const answer = await roles[role]?.(JSON.parse(task));
  process.send?.(answer ?? 'ready');
} else {
  onStop(process, () => {
    stopped.abort(new Error('Told to end.'));
    return undefined;
  });
  try {
    if (!(await run())) process.exitCode = 1;
  } catch (error) {
    say(`! ${(error as Error).message}`);
    process.exitCode = 1;
  }
  process.exit();
}

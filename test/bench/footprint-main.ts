import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import { makeTestDirectory, startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { formatBytes, formatMs, textTable } from '#test/support/text-table.js';
import { heldBy, sizesIn, type Held } from './footprint/memory.js';
import { startMs, starters } from './footprint/start-times.js';
import { positiveCount } from './positive-count.js';

interface Options {
  readonly rounds: number;
  readonly settle: number;
  readonly sessions: number;
}

const clock = createSystemClock({ keepsAlive: true });
const limitMs = 60_000;
const floor = 'node, empty';
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const options = new Command('panelet-bench-footprint')
  .description(
    'What a node and a cluster pay: memory of each program, idle and with sessions, and how long each takes to start; ' +
      'beside an empty Node.js in the same run.',
  )
  .option('--rounds <count>', 'starts of each program', positiveCount, 5)
  .option('--settle <seconds>', 'how long programs are left alone before their memory is read', positiveCount, 30)
  .option('--sessions <count>', 'of each panel (an owner may have 20)', positiveCount, 20)
  .parse()
  .opts<Options>();

async function measureStarts(test: TestCluster, dir: string): Promise<void> {
  const rows: { name: string; p50: number; max: number }[] = [];
  for (const starter of starters({ binDirectory, kubeconfig: test.cluster.kubeconfig, namespace: 'default' })) {
    const times: number[] = [];
    // The first reads the program from the disk.
    await startMs(starter, { dir, clock });
    for (let round = 0; round < options.rounds; round++) times.push(await startMs(starter, { dir, clock }));
    rows.push({ name: starter.name, ...summarizeDurations(times) });
  }
  const base = rows[0]?.p50 ?? 0;
  const cells = rows.map(({ name, p50, max }) => [name, formatMs(p50), formatMs(max), ratio(p50, base)]);
  for (const line of textTable(['start of', 'p50', 'max', 'p50 : empty'], cells)) say(line);
  say('');
}

async function measureMemory(test: TestCluster, files: string): Promise<void> {
  const node = test.cluster.nodes[0];
  if (node === undefined) throw new Error('The cluster has no nodes.');
  const empty = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e9)'], { stdio: 'ignore' });
  try {
    await sleep(clock, options.settle * 1000);
    const idle = held(test);
    const client = test.client(node.name);
    for (let count = 0; count < options.sessions; count++) {
      await client.open({ panel: 'echo' });
      await client.open({ panel: 'logs', parameters: { path: join(files, 'app.log') } });
      await client.open({ panel: 'terminal' });
    }
    await sleep(clock, options.settle * 1000);
    const { rss } = sizesIn(readFileSync(`/proc/${empty.pid ?? 0}/smaps_rollup`, 'utf8'));
    report(idle, held(test), rss);
  } finally {
    empty.kill('SIGKILL');
  }
}

function held(test: TestCluster): ReadonlyMap<string, Held> {
  const all = test.processes().flatMap(({ pid }) => heldBy(pid) ?? []);
  return new Map(all.map((one) => [one.program, one]));
}

function report(idle: ReadonlyMap<string, Held>, used: ReadonlyMap<string, Held>, empty: number): void {
  const rows = [...idle.values()].sort((a, b) => a.program.localeCompare(b.program));
  const cells = rows.map(({ program, rss, own }) => {
    const later = used.get(program)?.rss ?? 0;
    return [program, formatBytes(rss), ratio(rss, empty), formatBytes(own), formatBytes(later)];
  });
  const header = ['program', 'RSS idle', 'RSS : empty', 'its own', `RSS, ${options.sessions} sessions`];
  for (const line of textTable(header, [[floor, formatBytes(empty), '1.00 ×', '', ''], ...cells])) say(line);
  say('');
  say('“Its own” is what no other process shares; Node.js itself is shared by all on a machine, not over images.');
  say(`Sessions are ${options.sessions} of each panel, each attached; of a terminal, the shells are not counted.`);
}

function ratio(value: number, base: number): string {
  return `${(value / base).toFixed(2)} ×`;
}

const binDirectory = dirname(fileURLToPath(import.meta.url));
const root = join(binDirectory, '..', '..');
const dir = makeTestDirectory();
const files = join(dir, 'files');
mkdirSync(files);
writeFileSync(join(files, 'app.log'), 'a line\n');
const test = await startTestCluster({
  ...{ binDirectory, root, dir, nodes: 1 },
  panels: [
    { name: 'echo', target: 'agent' },
    { name: 'logs', target: 'agent', parameters: { roots: files } },
    { name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } },
  ],
});
onStop(process, () => test.stop());
try {
  await test.agentsReady(limitMs);
  await measureStarts(test, dir);
  await measureMemory(test, files);
} finally {
  for (const problem of await test.stop()) {
    say(problem);
    process.exitCode = 1;
  }
}

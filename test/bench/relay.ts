/**
 * The relay against its peers: messages per second, latency, CPU and memory per idle session, in one run on one
 * machine. Both ends are grpc-js with messages as bytes and the same for every peer; only what is between differs.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEchoWorker, startGrpcJsRelay } from './relay/ends.js';
import { coalescedMessage, measureLatency, measureThroughput, openStreams, type Shape } from './relay/load.js';
import { prepareDir, startPeers, type Peer } from './relay/peers.js';
import { usageOf } from './relay/usage.js';

const self = fileURLToPath(import.meta.url);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Sample {
  /** Of what the row counts. */
  readonly perSecond: number;
  readonly messagesPerSecond: number;
  readonly cpuUs: number;
}

interface Row {
  readonly title: string;
  readonly run: (peer: Peer, durationMs: number) => Promise<Sample>;
}

const framesPerMessage = 400;
// Fewer messages than this in a second is no speed: both directions are full and nothing moves any more.
const stallRate = 100;

function throughputRow(title: string, message: Buffer, shape: Shape, unitsPerMessage = 1): Row {
  return {
    title,
    run: async (peer, durationMs) => {
      const before = usageOf(peer.process).cpuMs;
      const { messages, seconds } = await measureThroughput(peer.address, message, shape, durationMs);
      const units = messages * unitsPerMessage;
      const messagesPerSecond = messages / seconds;
      return {
        perSecond: units / seconds,
        messagesPerSecond,
        cpuUs: ((usageOf(peer.process).cpuMs - before) * 1000) / units,
      };
    },
  };
}

const sizes: readonly [string, number][] = [
  ['64 B', 64],
  ['1 KiB', 1024],
  ['16 KiB', 16 * 1024],
];
const rows: readonly Row[] = [
  ...sizes.flatMap(([name, sizeBytes]) => {
    const message = Buffer.alloc(sizeBytes, 1);
    return [
      throughputRow(`messages/s, ${name}, 1 stream × 64 in flight`, message, { streams: 1, window: 64 }),
      throughputRow(`messages/s, ${name}, 1 stream × 2 in flight`, message, { streams: 1, window: 2 }),
      throughputRow(`messages/s, ${name}, 50 streams × 4 in flight`, message, { streams: 50, window: 4 }),
    ];
  }),
  throughputRow(
    `frames/s, ${framesPerMessage} coalesced frames of 64 B a message, 1 stream × 16 in flight`,
    coalescedMessage(framesPerMessage, 64),
    { streams: 1, window: 16 },
    framesPerMessage,
  ),
];

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function printTable(title: string, peers: readonly Peer[], lines: readonly (readonly string[])[]): void {
  say(`\n### ${title}\n`);
  say(`| | ${peers.map(({ name }) => name).join(' | ')} |`);
  say(`|---|${peers.map(() => '---:|').join('')}`);
  for (const line of lines) say(`| ${line.join(' | ')} |`);
}

/** Value of each peer, with the agent's ratio to it behind. */
function withRatios(values: readonly number[], peers: readonly Peer[], format: (value: number) => string): string[] {
  const agent = values[peers.findIndex(({ name }) => name === 'agent')] ?? Number.NaN;
  return values.map((value, index) =>
    peers[index]?.name === 'agent' ? format(value) : `${format(value)} (×${(agent / value).toFixed(2)})`,
  );
}

async function measure(
  chosen: readonly Row[],
  peers: readonly Peer[],
  rounds: number,
  durationMs: number,
): Promise<void> {
  const speed: string[][] = [];
  const cpu: string[][] = [];
  for (const row of chosen) {
    const samples = peers.map((): Sample[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, peer] of peers.entries()) samples[index]?.push(await row.run(peer, durationMs));
    }
    const rates = samples.map((list) => median(list.map(({ perSecond }) => perSecond)));
    const costs = samples.map((list) => median(list.map(({ cpuUs }) => cpuUs)));
    const shown = withRatios(rates, peers, (value) => Math.round(value).toLocaleString('en'));
    const moving = samples.map((list) => median(list.map(({ messagesPerSecond }) => messagesPerSecond)) >= stallRate);
    speed.push([row.title, ...shown.map((cell, index) => (moving[index] === true ? cell : 'stalls'))]);
    const text = (value: number): string => (value === 0 ? '–' : value.toFixed(value < 1 ? 3 : 1));
    cpu.push([row.title, ...costs.map((value, index) => (moving[index] === true ? text(value) : 'stalls'))]);
  }
  printTable('Throughput (in brackets: the agent is this many times as fast)', peers, speed);
  printTable('CPU of the process in between, µs for one', peers, cpu);
}

async function measureRoundTrips(peers: readonly Peer[], rounds: number, durationMs: number): Promise<void> {
  const lines: string[][] = [];
  for (const [name, sizeBytes] of sizes) {
    const p50 = peers.map((): number[] => []);
    const p99 = peers.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, peer] of peers.entries()) {
        const times = await measureLatency(peer.address, sizeBytes, durationMs);
        p50[index]?.push(times[Math.floor(times.length * 0.5)] ?? Number.NaN);
        p99[index]?.push(times[Math.floor(times.length * 0.99)] ?? Number.NaN);
      }
    }
    const round = (value: number): string => String(Math.round(value));
    lines.push([`${name}, p50 µs`, ...withRatios(p50.map(median), peers, round)]);
    lines.push([`${name}, p99 µs`, ...withRatios(p99.map(median), peers, round)]);
  }
  printTable('Round trip, one in flight (in brackets: the agent takes this many times as long)', peers, lines);
}

async function measureMemory(peers: readonly Peer[], sessions: number): Promise<void> {
  const values: number[] = [];
  for (const peer of peers) {
    const warm = await openStreams(peer.address, 100, 10);
    const before = usageOf(peer.process).rssBytes;
    const opened = await openStreams(peer.address, sessions, 10);
    await new Promise((resolve) => setTimeout(resolve, 500));
    values.push((usageOf(peer.process).rssBytes - before) / sessions / 1024);
    await Promise.all([...warm, ...opened].map((each) => each.close()));
  }
  const cells = values.map((value, index) => (peers[index]?.process === undefined ? '–' : value.toFixed(1)));
  printTable('Memory of the process in between', peers, [
    [`KiB RSS for one idle session, ${sessions} sessions on 10 connections`, ...cells],
  ]);
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '1.5' },
      sessions: { type: 'string', default: '1000' },
      only: { type: 'string', default: '' },
      peers: { type: 'string', default: '' },
    },
  });
  const dir = mkdtempSync(join(tmpdir(), 'pb-'));
  const workerSocket = prepareDir(dir);
  const children: ChildProcess[] = [];
  try {
    const worker = fork(self, ['echo', workerSocket]);
    children.push(worker);
    await new Promise((resolve) => worker.once('message', resolve));
    const onStart = (child: ChildProcess): void => void children.push(child);
    const started = await startPeers({ dir, self, workerSocket, onStart }, say);
    const peers = started.filter(({ name }) => values.peers === '' || values.peers.split(',').includes(name));
    const chosen = rows.filter(({ title }) => title.includes(values.only));
    const rounds = Number(values.rounds);
    const durationMs = Number(values.seconds) * 1000;
    say(`Medians of ${rounds} rounds of ${values.seconds} s, all peers in turn in each round.`);
    // Unmeasured, so that every program has compiled what it needs.
    for (const peer of peers) await rows[0]?.run(peer, durationMs);
    await measureRoundTrips(peers, rounds, durationMs);
    await measure(chosen, peers, rounds, durationMs);
    await measureMemory(peers, Number(values.sessions));
  } finally {
    // The worker last: it is not the agent's to miss.
    for (const child of children.reverse()) await endChild(child);
    rmSync(dir, { recursive: true, force: true });
  }
}

const [role, first = '', second = ''] = process.argv.slice(2);
if (role === 'echo') {
  await startEchoWorker(first);
  process.send?.('ready');
} else if (role === 'grpc-js') {
  await startGrpcJsRelay(Number(first), second);
} else {
  await run();
  process.exit(0);
}

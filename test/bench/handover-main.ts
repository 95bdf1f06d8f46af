import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { createPaneletClient } from '#client/sdk.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { panelSubject, plainSubject, type GapSubject } from './gap-subjects.js';
import { createBenchNode, type BenchNode } from './handover/bench-node.js';
import { handoverParts } from './handover/handover-parts.js';
import { startPlainServers, type PlainServers } from './handover/plain-servers.js';
import { divideSilence, nothingMeasured, reportLines, type Measured } from './handover/report.js';
import { openEcho, openTerminal, type WatchedSession } from './handover/watched-session.js';
import { positiveCount } from './positive-count.js';

interface Options {
  readonly handovers: number;
  readonly sessions: number;
  readonly measured: number;
  readonly terminals: number;
}

const clock = createSystemClock({ keepsAlive: true });
// What a process that starts costs the others is over by then.
const settleMs = 1_000;
const seldomMs = 1_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const options = new Command('panelet-bench-handover')
  .description(
    'How long a client hears nothing while a worker, or an agent, is replaced by one beside it, and where the time goes: sessions ' +
      'that send every 5 ms among others that send now and then, by the SDK over real agents; and plain gRPC streams in the same run.',
  )
  .option('--handovers <count>', 'of each kind', positiveCount, 5)
  .option('--sessions <count>', 'of echo, and as many plain streams', positiveCount, 100)
  .option('--measured <count>', 'of them send every 5 ms, the others once a second', positiveCount, 10)
  .option('--terminals <count>', 'besides, that stay and change their way; each sends every 5 ms', positiveCount, 10)
  .parse()
  .opts<Options>();

/** Streams of one kind, those under measurement and the others. */
interface Streams<Stream extends GapSubject> {
  readonly measured: readonly Stream[];
  readonly others: readonly GapSubject[];
}

/** Those under measurement are spread over the order in which streams were opened. */
async function openStreams<Stream extends GapSubject>(
  count: number,
  open: () => Promise<Stream>,
  openOther: () => Promise<GapSubject>,
): Promise<Streams<Stream>> {
  const measured: Stream[] = [];
  const others: GapSubject[] = [];
  const every = Math.max(1, Math.floor(count / options.measured));
  for (let index = 0; index < count; index += 1) {
    if (index % every === 0 && measured.length < options.measured) measured.push(await open());
    else others.push(await openOther());
    for (const stream of [measured.at(-1), others.at(-1)]) stream?.pause();
  }
  return { measured, others };
}

interface Group {
  readonly to: Measured;
  readonly streams: Streams<GapSubject>;
}

/** Has streams send while something is replaced. `replace` calls back when what takes over serves. */
async function measure(groups: readonly Group[], replace: (serves: () => void) => Promise<void>): Promise<void> {
  for (const { measured, others } of groups.map(({ streams }) => streams)) {
    for (const stream of measured) stream.resume();
    // Those that send seldom do not all do so in the same moment.
    others.forEach((stream, index) => stream.resume((seldomMs * index) / others.length));
  }
  await sleep(clock, settleMs);
  for (const { streams } of groups) for (const { meter } of streams.measured) meter.begin();
  await sleep(clock, settleMs);
  for (const { to, streams } of groups) to.quietMs.push(...streams.measured.map(({ meter }) => meter.end()));
  const loop = monitorEventLoopDelay({ resolution: 1 });
  for (const { streams } of groups) for (const { meter } of streams.measured) meter.begin();
  await replace(() => {
    loop.enable();
    for (const { to, streams } of groups) to.startingMs.push(...streams.measured.map(({ meter }) => meter.next()));
  });
  await sleep(clock, settleMs / 2);
  loop.disable();
  for (const { to, streams } of groups) {
    to.silencesMs.push(...streams.measured.map(({ meter }) => meter.end()));
    to.loopMs.push(loop.max / 1e6);
  }
  for (const { streams } of groups) for (const stream of [...streams.measured, ...streams.others]) stream.pause();
}

/** Divides the silences of the last replacement by their causes. */
function divide(to: Measured, sessions: readonly WatchedSession[], log: string): void {
  const parts = handoverParts(log);
  const silencesMs = to.silencesMs.slice(-sessions.length);
  sessions.forEach(({ sessionId, attachments }, index) => {
    const seen = attachments.take();
    to.movesMs.push(...seen.filter(({ isBeside }) => isBeside).map(({ welcomeMs }) => welcomeMs));
    const worker = parts.get(sessionId);
    // It may change its way again afterwards.
    const client = seen.find(({ welcomedAtMs }) => worker !== undefined && welcomedAtMs >= worker.decidedAtMs);
    if (worker !== undefined && client !== undefined)
      to.parts.push(divideSilence(silencesMs[index] ?? 0, worker, client.welcomedAtMs));
  });
}

const settled = (serves: () => void) => (): Promise<void> => sleep(clock, settleMs).then(serves);

async function run(node: BenchNode, servers: PlainServers): Promise<void> {
  const { resolve } = node;
  const client = createPaneletClient({ resolve });
  const channel = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 500 };
  const plain = (periodMs?: number): Promise<GapSubject> =>
    Promise.resolve(plainSubject(servers.target, { clock, channel, ...(periodMs === undefined ? {} : { periodMs }) }));
  const openOther = async (): Promise<GapSubject> =>
    panelSubject(await client.open({ panel: 'echo' }), clock, seldomMs);
  const echoes = await openStreams(options.sessions, () => openEcho({ clock, resolve }), openOther);
  const terminals = await Promise.all(
    Array.from({ length: options.terminals }, () => openTerminal({ clock, resolve })),
  );
  for (const terminal of terminals) terminal.pause();
  const peers = await openStreams(options.sessions, plain, () => plain(seldomMs));
  const names = ['worker', 'agent', 'agent, terminals', 'plain gRPC'] as const;
  const [ofWorker, ofAgent, ofTerminals, ofPeer] = names.map(nothingMeasured) as [
    Measured,
    Measured,
    Measured,
    Measured,
  ];
  let moved = 0;
  for (let index = 1; index <= options.handovers; index += 1) {
    node.workerLog();
    await measure([{ to: ofWorker, streams: echoes }], async (serves) => {
      moved += await node.replaceWorker(serves);
    });
    divide(ofWorker, echoes.measured, node.workerLog());
    const both = [
      { to: ofAgent, streams: echoes },
      { to: ofTerminals, streams: { measured: terminals, others: [] } },
    ];
    await measure(both, async (serves) => {
      moved += await node.replaceAgent(settled(serves));
    });
    divide(ofAgent, echoes.measured, node.workerLog());
    divide(ofTerminals, terminals, '');
    await measure([{ to: ofPeer, streams: peers }], (serves) => servers.replace(settled(serves)));
    say(`handover ${index}/${options.handovers} of each done`);
  }
  say('');
  for (const line of reportLines([ofWorker, ofAgent, ofTerminals, ofPeer])) say(line);
  say('');
  const lost = await finish([...echoes.measured, ...echoes.others, ...terminals]);
  await client.close();
  say(`${moved} of ${2 * options.handovers * options.sessions} sessions moved, the others were written down.`);
  say(`Messages lost: ${lost} by Panelet, ${await finish([...peers.measured, ...peers.others])} by plain gRPC.`);
  if (lost > 0) process.exitCode = 1;
}

async function finish(streams: readonly GapSubject[]): Promise<number> {
  return (await Promise.all(streams.map((stream) => stream.finish()))).reduce((a, b) => a + b, 0);
}

const built = (name: string): string => join(dirname(fileURLToPath(import.meta.url)), `${name}.js`);
const programs = {
  agent: built('panelet-agent'),
  worker: built('panelet-worker'),
  stub: built('panelet-stub-worker'),
};
const part = (): number => randomInt(1, 255);
const host = (): string => `127.${part()}.${part()}.${part()}`;
const open: { close(): void }[] = [];
const close = (): void => {
  for (const each of open.splice(0)) each.close();
};
onStop(process, () => {
  close();
  return Promise.resolve();
});
try {
  const node = createBenchNode(programs);
  open.push(node);
  await node.start();
  const servers = await startPlainServers(built('panelet-bench-plain-echo'), [host(), host()]);
  open.push(servers);
  await run(node, servers);
} finally {
  close();
}

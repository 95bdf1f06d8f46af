import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { chdir } from 'node:process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { createPaneletClient } from '#client/sdk.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { command, receiptOfDrain, startDrain } from '#test/support/gate-calls.js';
import { summarizeDurations } from '#test/support/percentiles.js';
import { temporaryDirectory } from '#test/support/running-worker.js';
import { formatMs, textTable } from '#test/support/text-table.js';
import { startWorkerFront } from '#test/support/worker-front.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';
import { panelSubject, type GapSubject } from './gap-subjects.js';
import { handoverParts, type HandoverParts } from './handover-parts.js';
import { positiveCount } from './positive-count.js';

interface Options {
  readonly handovers: number;
  readonly sessions: number;
  readonly measured: number;
}

const clock = createSystemClock({ keepsAlive: true });
// What a process that starts costs the others is over by then.
const settleMs = 1_000;
const seldomMs = 1_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const options = new Command('panelet-bench-handover')
  .description(
    'How long a client hears nothing while its session moves from a worker to a newer one beside it, and where the time ' +
      'goes: sessions that send every 5 ms among others that send now and then, by the SDK over a relay that knows nothing of them.',
  )
  .option('--handovers <count>', 'how often', positiveCount, 5)
  .option('--sessions <count>', 'that move', positiveCount, 100)
  .option('--measured <count>', 'of them send every 5 ms, the others once a second', positiveCount, 10)
  .parse()
  .opts<Options>();

interface Measured {
  readonly silencesMs: number[];
  readonly parts: HandoverParts[];
  /** Longest delays of this process's event loop, which has all clients and the relay in it. */
  readonly loopMs: number[];
  moved: number;
}

chdir(join(dirname(fileURLToPath(import.meta.url)), '..', '..'));
const dir = await temporaryDirectory();
const front = await startWorkerFront({ dir });
const client = createPaneletClient({ address: front.address });
const workers: WorkerProcess[] = [];
const start = async (): Promise<WorkerProcess> => {
  const socket = join(dir, 'run', `${workers.length}.sock`);
  const worker = spawnWorker({ dir, socket, args: ['--beside', '--log-level', 'debug'] });
  workers.push(worker);
  await worker.ready;
  return worker;
};

async function handOver(old: WorkerProcess, subjects: readonly GapSubject[], to: Measured): Promise<WorkerProcess> {
  const young = await start();
  front.lead([young.socket, old.socket]);
  await sleep(clock, settleMs);
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  for (const { meter } of subjects) meter.begin();
  const drain = startDrain(old.gate, { command: command(old.socket), noticeMs: 20_000, timeoutMs: 60_000 });
  const { counts } = await receiptOfDrain(drain);
  await sleep(clock, settleMs / 2);
  to.silencesMs.push(...subjects.map(({ meter }) => meter.end()));
  loop.disable();
  to.loopMs.push(loop.max / 1e6);
  to.parts.push(...handoverParts(old.stderr(), young.stderr()).values());
  to.moved += counts?.moved ?? 0;
  await old.end();
  front.lead([young.socket]);
  return young;
}

function report({ silencesMs, parts, loopMs, moved }: Measured, lost: number): void {
  const row = (name: string, durations: readonly number[]): string[] => {
    const { p50, p99, max } = summarizeDurations(durations);
    return [name, formatMs(p50), formatMs(p99), formatMs(max)];
  };
  const rows = [
    row('silence', silencesMs),
    row(
      '  freeze and take',
      parts.map(({ freezeMs }) => freezeMs),
    ),
    row(
      '  socket',
      parts.map(({ socketMs }) => socketMs),
    ),
    row(
      '  restore',
      parts.map(({ restoreMs }) => restoreMs),
    ),
    row(
      '  live',
      parts.map(({ liveMs }) => liveMs),
    ),
    row('event loop of the clients, worst of each', loopMs),
  ];
  say('');
  for (const line of textTable(['', 'p50', 'p99', 'max'], rows)) say(line);
  say('');
  const all = options.handovers * options.sessions;
  say(`${moved} of ${all} sessions moved, the others were written down; ${lost} messages lost.`);
  say('The rest of a silence is the way to the client and back: READY, Hello, Welcome, and the event loops between.');
}

try {
  let worker = await start();
  front.lead([worker.socket]);
  const open = async (periodMs?: number): Promise<GapSubject> =>
    panelSubject(await client.open({ panel: 'echo' }), clock, periodMs);
  const subjects: GapSubject[] = [];
  const others: GapSubject[] = [];
  // The measured ones are spread over the order in which sessions were opened.
  const every = Math.max(1, Math.floor(options.sessions / options.measured));
  for (let index = 0; index < options.sessions; index += 1) {
    const isMeasured = index % every === 0 && subjects.length < options.measured;
    if (isMeasured) subjects.push(await open());
    else others.push(await open(seldomMs));
  }
  const measured: Measured = { silencesMs: [], parts: [], loopMs: [], moved: 0 };
  for (let index = 1; index <= options.handovers; index += 1) {
    worker = await handOver(worker, subjects, measured);
    say(`handover ${index}/${options.handovers} done`);
  }
  const lost = (await Promise.all([...subjects, ...others].map((subject) => subject.finish()))).reduce(
    (a, b) => a + b,
    0,
  );
  report(measured, lost);
  if (lost > 0) process.exitCode = 1;
} finally {
  await Promise.all(workers.map((each) => each.end()));
  await client.close();
  await front.close();
  await rm(dir, { recursive: true, force: true });
}

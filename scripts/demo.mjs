/**
 * `npm run demo`: says what comes and how long it takes, builds the programs that the demo needs, and plays it in this
 * process. Nothing is loaded before the first words.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';

const words = `Panelet's demo, about a minute: live sessions, two restarts and a kill.

It is going to
  1. start a two-node cluster on this machine, which leaves nothing behind
  2. open shells, an editor, log tails and streams on both nodes, and type away
  3. restart every agent: kubectl annotate … panelet.dev/restart=demo-1
  4. install a panel by a file, and restart every agent once more
  5. kill an agent with SIGKILL
  6. compare what was sent with what arrived, and the processes with themselves
You see each step as it happens, and a table of what was lost at the end.
A busy machine takes longer. Ctrl-C ends it and tidies up.
`;
const hasBoard = process.argv.includes('--board');
const programs = [
  ...['panelet-agent', 'panelet-worker', 'panelet-controller', 'panelet-demo'],
  ...(hasBoard ? ['panelet', 'board'] : []),
];
const title = 'build the programs';
const elapsed = () => `${process.uptime().toFixed(1).padStart(5)} s`;
const canRedraw = process.stdout.isTTY && !process.argv.includes('--plain');

const isHelp = process.argv.some((word) => word === '--help' || word === '-h');

/** Builds the programs. @returns whether it worked; what went wrong stands on standard error. */
async function build() {
  process.stdout.write(`${elapsed()} ▶ ${title}${canRedraw ? '' : '\n'}`);
  const ticking = canRedraw ? setInterval(() => process.stdout.write(`\r${elapsed()}`), 150) : undefined;
  const script = fileURLToPath(new URL('build.mjs', import.meta.url));
  const building = spawn(process.execPath, [script, ...programs], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(building, 'exit');
  clearInterval(ticking);
  process.stdout.write(`${canRedraw ? '\r' : ''}${elapsed()} ${code === 0 ? '✓' : '✗'} ${title}\n`);
  return code === 0;
}

async function play() {
  process.stdout.write(`${words}\n`);
  if (await build()) {
    await import('../dist/bin/panelet-demo.js');
    return;
  }
  process.stdout.write('The programs could not be built. Has "npm ci" been run?\n');
  process.exitCode = 1;
}

if (isHelp) {
  process.argv.splice(2, 0, 'panelet-demo');
  await import('./run.mjs');
} else await play();

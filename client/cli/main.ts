import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { createSystemClock } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import { version } from '#common/version.js';
import { completeArgument } from './completion/completion-scripts.js';
import { createProcessEnd } from '#common/process/end-process.js';
import { runCli } from './commands.js';
import { openStandardStreams } from './io/standard-streams.js';

// Users of a program can do nothing about what its libraries should not use, such as DEP0123 with the address of an agent.
process.noDeprecation = true;

const processEnd = createProcessEnd(process);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));

// Whoever stopped this process has set the terminal for himself meanwhile.
process.on('SIGCONT', () => {
  if (!process.stdin.isRaw) return;
  process.stdin.setRawMode(false);
  process.stdin.setRawMode(true);
});

// The same file under the names that kubectl looks for.
const calledAs = basename(process.argv[1] ?? '').replace(/\.js$/, '');
const isCompletion = calledAs === 'kubectl_complete-panelet';
const argv = [...(isCompletion ? [completeArgument] : []), ...process.argv.slice(2)];

const streams = openStandardStreams(process);
const exitCode = await runCli(argv, {
  name: isCompletion || calledAs === 'kubectl-panelet' ? 'kubectl panelet' : 'panelet',
  env: process.env,
  homeDir: homeDirectory(),
  ...streams,
  clock: createSystemClock({ keepsAlive: true }),
  random: createSystemRandom(),
  stop: stop.signal,
  version,
  // Beside the directory of the programs.
  boardDirectory: join(import.meta.dirname, '..', 'board'),
});
// Nothing that is still open, such as a keepalive timer, may hold the user's shell back.
process.exitCode = exitCode;
streams.stdout.write('', () => streams.stderr.write('', () => processEnd.end(exitCode)));

function homeDirectory(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

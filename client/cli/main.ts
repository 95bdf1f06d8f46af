import { homedir } from 'node:os';
import { basename } from 'node:path';
import { createSystemClock } from '#common/clock.js';
import { createSystemRandom } from '#common/random.js';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from './program.js';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));

// The same file under the name that kubectl looks for.
const isPlugin = basename(process.argv[1] ?? '').replace(/\.js$/, '') === 'kubectl-panelet';

const exitCode = await runCli(process.argv.slice(2), {
  name: isPlugin ? 'kubectl panelet' : 'panelet',
  env: process.env,
  homeDir: homedir(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: createSystemClock({ keepsAlive: true }),
  random: createSystemRandom(),
  stop: stop.signal,
  version: packageJson.version,
});
// Nothing that is still open, such as a keepalive timer, may hold the user's shell back.
process.exitCode = exitCode;
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));

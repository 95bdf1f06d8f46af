import { fileURLToPath } from 'node:url';
import { createSystemClock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLog } from '#common/log.js';
import { parseOptions } from '#common/process/parse-options.js';
import { createSystemRandom } from '#common/random.js';
import { version } from '#common/version.js';
import { startAgent, type Agent } from './agent.js';
import { readClusterAccess } from '#kube/plain/cluster-access.js';
import { createLauncher } from './workers/launcher.js';
import { createProcessTable } from './workers/process-table.js';

const usage = `panelet-agent --config <file>
panelet-agent --version

The agent of one node: authenticates clients, relays their sessions to workers, and speaks for the node's gate.
SIGTERM drains and ends, a second one hurries; SIGHUP reloads configuration and installs panels.
Exit codes: 0 nothing was forced; 1 something was forced, or a crash; 2 it could not start.
`;

const exitForced = 1;
const exitNotStarted = 2;
const log = createLog({ name: 'panelet-agent' });

function crash(error: unknown): void {
  log.fatal({ err: error }, 'Agent crashed');
  process.exit(1);
}
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

function readArguments(): string {
  const flag = { type: 'boolean' } as const;
  const options = { config: { type: 'string' }, help: { ...flag, short: 'h' }, version: flag } as const;
  const { config, ...asked } = parseOptions('panelet-agent', { options });
  if (asked.help === true || asked.version === true) {
    process.stdout.write(asked.help === true ? usage : `${version}\n`);
    process.exit(0);
  }
  if (config === undefined) throw new PaneletError('CONFIG_INVALID', 'The option --config <file> is missing.');
  return config;
}

async function start(): Promise<Agent> {
  const table = createProcessTable();
  return startAgent({
    configFile: readArguments(),
    overrides: { node: process.env['PANELET_NODE_NAME'], listenHost: process.env['PANELET_POD_IP'] },
    pod: {
      name: process.env['PANELET_POD_NAME'] ?? '',
      uid: process.env['PANELET_POD_UID'] ?? '',
      namespace: process.env['PANELET_POD_NAMESPACE'] ?? '',
      ip: process.env['PANELET_POD_IP'],
    },
    clusterAccess: readClusterAccess(process.env, process.env['PANELET_SERVICE_ACCOUNT_DIR']),
    version,
    workerCommand: [process.execPath, fileURLToPath(new URL('panelet-worker.js', import.meta.url))],
    env: process.env,
    log,
    // One that waits for others to leave the directory does nothing else, and must not end for that.
    clock: createSystemClock({ keepsAlive: true }),
    random: createSystemRandom(),
    table,
    launch: createLauncher(table),
    signal: stopped.signal,
  });
}

let agent: Agent | undefined;
const stopped = new AbortController();
function stop(): void {
  stopped.abort();
  agent?.stop().then((clean) => process.exit(clean ? 0 : exitForced), crash);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
let reloading = Promise.resolve();
async function reload(): Promise<void> {
  // One that ends starts nothing any more.
  if (!stopped.signal.aborted) await agent?.reload();
}
process.on('SIGHUP', () => {
  reloading = reloading.then(reload).catch(crash);
});

try {
  agent = await start();
  if (stopped.signal.aborted) stop();
} catch (error) {
  // Told to end while it waited: nothing was taken up, nothing is lost.
  if (stopped.signal.aborted) process.exit(0);
  const { code, message } = PaneletError.from(error);
  process.stderr.write(`panelet-agent: ${code}: ${message}\n`);
  process.exit(exitNotStarted);
}

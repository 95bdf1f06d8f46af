import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { createSystemClock } from '#common/time/clock.js';
import { isPaneletError, messageOf } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { createLog } from '#common/log.js';
import { createProcessEnd } from '#common/process/end-process.js';
import { onStop } from '#common/process/on-stop.js';
import { createSystemRandom } from '#common/random.js';
import { createDevCluster, type DevCluster } from './cluster.js';
import { passKeys, startBoardProgram } from './host/board-program.js';
import { ensurePackagedProgram, findInPath, oldestKubectlMinor, versionOfKubectl } from './kubectl-binary.js';
import { localPrograms, podEnvironment } from './host/local-programs.js';
import { mostNodes } from './host/loopback-subnet.js';
import { quoteForShell } from './host/quote-for-shell.js';
import { readShellEnvironment, writeShellEnvironment } from './host/shell-environment.js';
import { tryText } from './host/try-text.js';

interface Options {
  readonly dir: string;
  readonly nodes?: number;
  readonly port?: number;
  readonly allowAnyProgram: boolean;
  readonly logLevel: string;
  readonly agentLogLevel: string;
  readonly board: boolean;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Must be a whole number from ${least} to ${most}.`);
  };
}

const defaultDirectory = '.panelet-devcluster';
const binDirectory = dirname(fileURLToPath(import.meta.url));
const root = join(binDirectory, '..', '..');

interface FoundKubectl {
  readonly program?: string;
  readonly note?: string;
}

/** The kubectl that npm installed, when PATH has none that will do, and the note about it; nothing where there is nothing to say. */
function kubectlOutsidePath(): FoundKubectl {
  const path = process.env['PATH'];
  const found = findInPath('kubectl', path);
  try {
    const program = ensurePackagedProgram('kubectl', { path, root, random: createSystemRandom() });
    if (program === found) return {};
    const version = found === undefined ? undefined : versionOfKubectl(found);
    const why = `${found ?? ''} (${version ?? 'it says no version'}) is older than v1.${oldestKubectlMinor}`;
    return { program, ...(found === undefined ? {} : { note: `kubectl is that of npm: ${why}.` }) };
  } catch (error) {
    return { note: messageOf(error) };
  }
}

const cli = join(binDirectory, 'panelet.js');

/** Writes what other terminals need, and says what to try in them. @returns a function that takes it away. */
function announce(cluster: DevCluster, options: Options, { program, note }: FoundKubectl): () => void {
  const remove = writeShellEnvironment({
    dir: cluster.dir,
    kubeconfig: cluster.kubeconfig,
    address: cluster.nodes[0]?.agentAddress ?? '',
    tokenFile: cluster.tokenFile('alice'),
    programs: {
      panelet: cli,
      'kubectl-panelet': cli,
      'kubectl_complete-panelet': cli,
      ...(program === undefined ? {} : { kubectl: program }),
    },
  });
  const isNpmStart = process.env['npm_lifecycle_event'] === 'start' && options.dir === defaultDirectory;
  const self = [process.execPath, join(binDirectory, 'panelet-devcluster.js'), 'env', '--dir', cluster.dir];
  process.stdout.write(
    tryText({
      dir: cluster.dir,
      apiUrl: cluster.apiUrl,
      nodes: cluster.nodes,
      environmentCommand: isNpmStart ? 'npm run -s env' : self.map(quoteForShell).join(' '),
      ...(isNpmStart ? { environmentDirectory: root } : {}),
      ...(note === undefined ? {} : { kubectlNote: note }),
    }),
  );
  return remove;
}

/** Serves the board beside the cluster, with its keys on this terminal. @returns a function that ends it */
function serveBoard(cluster: DevCluster, { program }: FoundKubectl, end: () => void): () => Promise<void> {
  const board = startBoardProgram({
    cli,
    kubeconfig: cluster.kubeconfig,
    tokenFile: cluster.tokenFile('alice'),
    kubectl: program,
    environment: process.env,
    out: process.stdout,
  });
  const stopKeys = passKeys(process.stdin, board, end);
  return () => {
    stopKeys();
    return board.stop();
  };
}

async function run(options: Options): Promise<void> {
  const log = createLog({ name: 'panelet-devcluster', level: options.logLevel });
  const asked = createLatch();
  // Listening before anything is started: a signal during the start ends it cleanly too.
  onStop(process, () => {
    asked.resolve();
    return undefined;
  });
  const cluster = await createDevCluster(
    {
      dir: options.dir,
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.port === undefined ? {} : { port: options.port }),
      allowAnyProgram: options.allowAnyProgram,
      programs: localPrograms(process.execPath, binDirectory),
      environment: podEnvironment(process.env),
      definitionFile: join(root, 'charts', 'panelet', 'files', 'panelrestarts.yaml'),
      agentLogLevel: options.agentLogLevel,
    },
    { clock: createSystemClock({ keepsAlive: true }), random: createSystemRandom(), log },
  );
  const kubectl = kubectlOutsidePath();
  const forget = announce(cluster, options, kubectl);
  const stopBoard = options.board ? serveBoard(cluster, kubectl, () => asked.resolve()) : undefined;
  await asked.promise;
  await stopBoard?.();
  forget();
  process.stdout.write('Stopping: sessions are made safe, then every process ends, shells too.\n');
  await cluster.stop();
  process.stdout.write(`Stopped. Its objects and logs are kept in ${cluster.dir}; remove it to begin anew.\n`);
}

const processEnd = createProcessEnd(process);

function main(): Promise<unknown> {
  const program = new Command('panelet-devcluster')
    .description('A Kubernetes-compatible cluster on this machine that runs Panelet: API server, nodes, controllers.')
    .enablePositionalOptions()
    .option('--dir <directory>', 'where it keeps everything; made if it is not there', defaultDirectory)
    .option('--nodes <count>', 'number of nodes of a new cluster (default: 2)', wholeNumber(1, mostNodes))
    .option('--port <port>', 'port of the API server (default: the one it had, or a free one)', wholeNumber(1, 65535))
    .option('--allow-any-program', 'let pods run any program of this machine, with your rights', false)
    .option('--board', 'serve the board, a page of the cluster in your browser', false)
    .option('--log-level <level>', 'of this program', 'warn')
    .option('--agent-log-level <level>', 'of the agents of a new cluster', 'info')
    .action(run);
  program
    .command('env')
    .description('print what a shell needs to use the dev cluster that runs: eval "$(panelet-devcluster env)"')
    .option('--dir <directory>', 'its directory', defaultDirectory)
    .action(({ dir }: Pick<Options, 'dir'>) => void process.stdout.write(readShellEnvironment(dir)));
  return program.parseAsync();
}

try {
  await main();
} catch (error) {
  const text = isPaneletError(error) ? `${error.message} (${error.code})` : String((error as Error).stack ?? error);
  process.stderr.write(`panelet-devcluster: ${text}\n`);
  process.exitCode = 1;
}
processEnd.end(Number(process.exitCode ?? 0));

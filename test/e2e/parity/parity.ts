import { join } from 'node:path';
import { createSystemRandom } from '#common/random.js';
import { createKubectl, type Kubectl } from '#test/support/kubectl.js';
import { knownDifferences, withoutKnown } from './known-differences.js';
import { normalise, type ClusterNames } from './normalise.js';
import { readScript, type ScriptCommand } from './script.js';

/** What to compare. */
export interface ParityOptions {
  /** Path of kubectl. */
  readonly kubectl: string;
  readonly kubeconfigA: string;
  readonly kubeconfigB: string;
  /** Directory of commands.txt. @default test/e2e/parity in the working directory */
  readonly directory?: string;
  /** Hears of each command before it runs. */
  readonly onCommand?: (command: string) => void;
}

/** A command that two clusters answer differently: exit code, standard output and error, without what always differs. */
export interface ParityDifference {
  readonly command: string;
  readonly a: string;
  readonly b: string;
}

/** What came out. */
export interface ParityResult {
  readonly commands: number;
  readonly differences: ParityDifference[];
  /** Lines of the list of known differences that no command needed: they should go. */
  readonly unusedKnown: readonly string[];
}

// What the script calls its namespace. Each run has one of its own, so that several can go on at once.
const namespaceInScript = 'panelet-parity';

interface Side {
  readonly kubectl: Kubectl;
  readonly names: ClusterNames;
  /** Made by the script, and removed at the end in any case. */
  readonly namespace: string;
}

/** Runs the script on both clusters, command by command, and says where their answers differ. */
export async function compareClusters(options: ParityOptions): Promise<ParityResult> {
  const script = readScript(options.directory ?? join('test', 'e2e', 'parity'));
  const namespace = `${namespaceInScript}-${createSystemRandom().uuid().slice(0, 8)}`;
  const sides = await Promise.all(
    [options.kubeconfigA, options.kubeconfigB].map((kubeconfig) => openSide(options.kubectl, kubeconfig, namespace)),
  );
  const differences: ParityDifference[] = [];
  const used = new Set<string>();
  try {
    for (const command of script) {
      options.onCommand?.(command.line);
      const [a = '', b = ''] = await Promise.all(sides.map((side) => answer(side, command)));
      const known = withoutKnown(command.line, a, b);
      known.used.forEach((id) => used.add(id));
      if (known.a !== known.b) differences.push({ command: command.line, a: known.a, b: known.b });
    }
  } finally {
    await Promise.all(sides.map(closeSide));
  }
  const unusedKnown = knownDifferences.map(({ id }) => id).filter((id) => !used.has(id));
  return { commands: script.length, differences, unusedKnown };
}

async function openSide(binary: string, kubeconfig: string, namespace: string): Promise<Side> {
  const kubectl = createKubectl(binary, kubeconfig);
  const server = await kubectl.out('config view --minify -o jsonpath={.clusters[0].cluster.server}');
  const nodes = (await kubectl.out('get nodes -o jsonpath={.items[*].metadata.name}')).split(' ').toSorted();
  return { kubectl, names: { server, nodes }, namespace };
}

async function closeSide({ kubectl, namespace }: Side): Promise<void> {
  await kubectl.run(`delete namespace ${namespace} --ignore-not-found --timeout=60s`);
  await kubectl.close();
}

async function answer({ kubectl, names, namespace }: Side, command: ScriptCommand): Promise<string> {
  const actual = (text: string): string => text.replaceAll(namespaceInScript, namespace);
  const words = command.words.map((word) =>
    word.replaceAll(/\{node(\d)\}/g, (_, n: string) => names.nodes[+n - 1] ?? ''),
  );
  const { code, stdout, stderr } = await kubectl.run(
    [`--namespace=${namespace}`, ...words.map(actual)],
    actual(command.input),
  );
  const text = [`exit ${code}`, stdout, ...(stderr === '' ? [] : ['--- standard error', stderr])]
    .join('\n')
    .replaceAll(namespace, namespaceInScript);
  const [head = '', ...rest] = text.split('\n');
  return [head, normalise(rest.join('\n'), names, command.comparison)].join('\n').trimEnd();
}

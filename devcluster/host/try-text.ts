import { agentDaemonSet, paneletNamespace } from './initial-objects.js';

/** What the text names. */
export interface TryTextOptions {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly apiUrl: string;
  readonly nodes: readonly { readonly name: string; readonly agentAddress: string }[];
  readonly clientTokenFile: string;
  readonly operatorTokenFile: string;
  /** Command that runs the CLI, for example `node /…/dist/bin/panelet.js`. */
  readonly cli: string;
  /** Path of kubectl, where it is not in PATH. */
  readonly kubectl?: string | undefined;
}

/** A word as a shell takes it. */
export function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What to try with a dev cluster that runs: every line can be pasted into another terminal. */
export function tryText(options: TryTextOptions): string {
  const [first] = options.nodes;
  const address = first?.agentAddress ?? '';
  const target = `daemonset/${agentDaemonSet}`;
  const nodes = options.nodes.map((node) => `  ${node.name}  ${node.agentAddress}`);
  const asClient = `panelet --token-file ${quoteForShell(options.clientTokenFile)}`;
  const asAdmin = `panelet --token-file ${quoteForShell(options.operatorTokenFile)}`;
  return [
    `Dev cluster in ${options.dir}`,
    `API server ${options.apiUrl}, agents:`,
    ...nodes,
    '',
    'In another terminal:',
    '',
    `  export KUBECONFIG=${quoteForShell(options.kubeconfig)}`,
    `  export PANELET_ADDRESS=${address}`,
    `  panelet() { ${options.cli} "$@"; }`,
    ...(options.kubectl === undefined ? [] : [`  kubectl() { ${quoteForShell(options.kubectl)} "$@"; }`]),
    '',
    '  # a shell on the node that survives what follows; Ctrl-] d leaves it',
    `  ${asClient} attach terminal`,
    '',
    '  # in a third one: restart the agents, one node after the other, without losing a byte',
    `  kubectl -n ${paneletNamespace} annotate ${target} panelet.dev/restart="$(date +%s)" --overwrite`,
    `  kubectl -n ${paneletNamespace} get panelrestarts -w`,
    '',
    '  # what there is',
    `  kubectl -n ${paneletNamespace} get pods -o wide`,
    `  kubectl -n ${paneletNamespace} describe ${target}`,
    `  ${asClient} ls`,
    `  ${asAdmin} sessions`,
    '',
    'Ctrl-C stops it. Starting it again with the same --dir goes on where it was.',
    '',
  ].join('\n');
}

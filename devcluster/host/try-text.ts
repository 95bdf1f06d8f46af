import { agentDaemonSet, paneletNamespace } from './initial-objects.js';

/** What the text names. */
export interface TryTextOptions {
  readonly dir: string;
  readonly apiUrl: string;
  readonly nodes: readonly { readonly name: string; readonly agentAddress: string }[];
  /** Command that prints what a shell needs, for example `npm run -s env`. */
  readonly environmentCommand: string;
  /** Directory that it has to be run in; anywhere when left out. */
  readonly environmentDirectory?: string | undefined;
  /** kubectl of PATH that is passed over for another one, and why. */
  readonly kubectlNote?: string | undefined;
}

/** What to try with a dev cluster that runs: every line can be pasted into another terminal. */
export function tryText(options: TryTextOptions): string {
  const target = `daemonset/${agentDaemonSet}`;
  const nodes = options.nodes.map((node) => `  ${node.name}  ${node.agentAddress}`);
  const last = options.nodes.at(-1)?.name ?? '';
  const { environmentDirectory: directory, kubectlNote } = options;
  return [
    `Dev cluster in ${options.dir}`,
    `API server ${options.apiUrl}, agents:`,
    ...nodes,
    ...(kubectlNote === undefined ? [] : [kubectlNote]),
    '',
    `In another terminal${directory === undefined ? '' : `, in ${directory}`}:`,
    '',
    `  eval "$(${options.environmentCommand})"`,
    '',
    '  # a shell that survives what follows; Ctrl-] d leaves it',
    '  panelet attach terminal',
    '',
    '  # in a third one, after the same eval: restart the agents, node by node',
    `  kubectl -n ${paneletNamespace} annotate ${target} \\`,
    '    panelet.dev/restart="$(date +%s)" --overwrite',
    `  kubectl -n ${paneletNamespace} get panelrestarts -w`,
    '',
    '  # what there is',
    `  kubectl -n ${paneletNamespace} get pods -o wide`,
    `  kubectl -n ${paneletNamespace} describe ${target}`,
    '  panelet ls',
    `  kubectl panelet attach --node ${last}`,
    '  kubectl panelet sessions',
    '',
    'Ctrl-C stops it, and the shells with it; what kubectl sees is there again at',
    'the next start with the same --dir.',
    '',
  ].join('\n');
}

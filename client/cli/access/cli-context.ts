import type { PaneletError } from '#common/errors/errors.js';
import type { CliWorld } from '../io/cli-world.js';
import { writeDocument, type OutputDocument, type OutputFormat } from '../io/output.js';
import { createKubectl, type Kubectl } from '../cluster/kubectl.js';
import type { GlobalFlags } from './settings.js';

/** What a command works with. */
export interface CliContext {
  readonly world: CliWorld;
  readonly flags: GlobalFlags;
  /** What follows `--` on the command line; undefined without `--`. */
  readonly program: readonly string[] | undefined;
}

/** How results are written, by the flags. */
export function formatOf(context: CliContext): OutputFormat {
  return context.flags.output ?? 'table';
}

/** Writes the result of a command. */
export function report(context: CliContext, document: OutputDocument): void {
  writeDocument(context.world.stdout, formatOf(context), document);
}

/** The user's kubectl, for the cluster of the flags. The signal interrupts what waits for it. */
export function kubectlOf(context: CliContext, signal?: AbortSignal): Kubectl {
  const { kubeconfig, context: name } = context.flags;
  return createKubectl({ env: context.world.env, kubeconfig, context: name, signal });
}

/** Says once, on standard error, why a session cannot be opened yet. */
export function sayWaiting(context: CliContext): (reason: PaneletError) => void {
  let said = '';
  return ({ code, message }) => {
    if (code === said || code === 'AGENT_UNREACHABLE') return;
    said = code;
    context.world.stderr.write(`panelet: waiting: ${message}\n`);
  };
}

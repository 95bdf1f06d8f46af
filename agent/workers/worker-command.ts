import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Target } from '#proto/gate/v1/gate.js';
import type { PanelConfig } from '../config.js';

/** What every worker of the node is told. */
export interface WorkerCommandOptions {
  /** Program and leading arguments, unless the panel names its own. */
  readonly workerCommand: readonly string[];
  readonly node: string;
  readonly stateDir: string;
  readonly logLevel: string;
}

/** Arguments of a panel's worker, program first. */
export function workerArgv(panel: PanelConfig, socketPath: string, options: WorkerCommandOptions): readonly string[] {
  const parameters = Object.entries(panel.parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...(panel.command ?? options.workerCommand),
    ...['--panel', panel.name, '--socket', socketPath, '--state-dir', options.stateDir],
    ...['--node', options.node, '--target', panel.target, '--log-level', options.logLevel],
    ...parameters.flatMap(([key, value]) => ['--parameter', `${key}=${value}`]),
  ];
}

/**
 * Hash over the arguments and the content of the script among the first two: another hash means that only a restart
 * takes the change up. Undefined while the script cannot be read: unknown is not changed.
 */
export async function hashCommand(argv: readonly string[]): Promise<string | undefined> {
  const hash = createHash('sha256').update(JSON.stringify(argv));
  for (const part of argv.slice(0, 2).filter((arg) => /\.(js|mjs|cjs|sh)$/.test(arg))) {
    try {
      hash.update(await readFile(part));
    } catch {
      return undefined;
    }
  }
  return hash.digest('hex');
}

/** The gate's name for what a panel is killed with. */
export function targetOf(panel: PanelConfig): Target {
  return panel.target === 'host' ? Target.HOST : Target.AGENT;
}

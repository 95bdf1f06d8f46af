import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { defaultSessionsPerOwner } from '#common/default-sessions-per-owner.js';
import { Target } from '#proto/gate/v1/gate.js';
import type { AgentConfig, PanelConfig } from '../config/config.js';

/** What every worker of the node is told. */
export interface WorkerCommandOptions {
  /** Program and leading arguments of the own worker: of panels that name no other, and of those that name it as `panelet-worker`. */
  readonly workerCommand: readonly string[];
  readonly node: string;
  readonly stateDir: string;
  readonly logLevel: string;
  readonly sessionsPerOwner: AgentConfig['sessionsPerOwner'];
}

/** Arguments of a panel's worker, program first. */
export function workerArgv(panel: PanelConfig, socketPath: string, options: WorkerCommandOptions): readonly string[] {
  const parameters = Object.entries(panel.parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...commandOf(panel, options),
    ...['--panel', panel.name, '--socket', socketPath, '--state-dir', options.stateDir],
    ...['--node', options.node, '--target', panel.target, '--log-level', options.logLevel],
    ...quotaArguments(options.sessionsPerOwner),
    ...(panel.idleTimeoutSeconds === undefined ? [] : ['--idle-timeout', String(panel.idleTimeoutSeconds)]),
    ...(panel.maxAgeSeconds === undefined ? [] : ['--max-age', String(panel.maxAgeSeconds)]),
    ...parameters.flatMap(([key, value]) => ['--parameter', `${key}=${value}`]),
  ];
}

// PATH need not have the own worker: an agent of the dev cluster, or of a systemd unit, has it beside itself.
function commandOf({ command }: PanelConfig, { workerCommand }: WorkerCommandOptions): readonly string[] {
  if (command === undefined) return workerCommand;
  const [program, ...rest] = command;
  return program === 'panelet-worker' ? [...workerCommand, ...rest] : command;
}

// Nothing for what is a worker's own default: a panel's own program need not know it.
function quotaArguments({ default: each, of }: AgentConfig['sessionsPerOwner']): readonly string[] {
  const named = Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...(each === defaultSessionsPerOwner ? [] : ['--owner-sessions', String(each)]),
    ...named.flatMap(([owner, count]) => ['--owner-sessions-of', `${owner}=${count}`]),
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

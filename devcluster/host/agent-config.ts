import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { NodePaths } from './cluster-directory.js';

/** One panel as an agent's configuration names it. */
export interface PanelEntry {
  readonly name: string;
  /** What its worker is killed with. */
  readonly target: 'agent' | 'host';
  readonly parameters?: Readonly<Record<string, string>>;
}

/** What an agent's configuration says. */
export interface AgentConfigOptions {
  readonly nodeName: string;
  readonly address: string;
  readonly port: number;
  /** For the controller alone. */
  readonly gatePort: number;
  readonly paths: NodePaths;
  readonly identities: string;
  readonly panels: readonly PanelEntry[];
  readonly logLevel: string;
}

/** Panels of a node of a new dev cluster. Logs may be read below /var/log and of the node's own pods and workers. */
export function defaultPanels(paths: NodePaths): readonly PanelEntry[] {
  const roots = ['/var/log', join(paths.directory, 'logs'), join(paths.state, 'logs')].join(',');
  return [
    { name: 'echo', target: 'agent' },
    { name: 'logs', target: 'agent', parameters: { roots } },
    // A cluster on one machine is its user's alone, who need not be root.
    { name: 'terminal', target: 'host', parameters: { allowSameUser: 'true' } },
  ];
}

/** Makes the directories of a node and its agent's configuration; one that is there is left, because people edit it. */
export function writeAgentConfig(options: AgentConfigOptions): void {
  const { paths } = options;
  for (const directory of [paths.directory, paths.run, paths.state]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  mkdirSync(paths.panels, { recursive: true });
  if (existsSync(paths.agentConfig)) return;
  const config = {
    node: options.nodeName,
    listen: `${options.address}:${options.port}`,
    runDir: paths.run,
    stateDir: paths.state,
    gate: { listen: `${options.address}:${options.gatePort}` },
    identity: { file: options.identities },
    panels: options.panels.map((panel) => ({ ...panel, run: 'spawn' })),
    panelsDir: paths.panels,
    gracePeriodSeconds: 25,
    // One person's cluster, and what he tries there.
    sessionsPerOwner: { default: 1000 },
    log: { level: options.logLevel },
  };
  writeFileSync(paths.agentConfig, stringify(config), { mode: 0o600 });
}

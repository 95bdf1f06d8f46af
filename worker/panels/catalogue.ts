import { PaneletError } from '#common/errors/errors.js';
import type { PanelDefinition } from '../panel/panel.js';
import { createEchoPanel } from './echo/echo.js';
import { createLogsPanel } from './logs/logs.js';
import type { OwnerAccounts } from '../owners/owner-accounts.js';
import { createTerminalPanel } from './terminal/terminal.js';

/** What the panels that ship need from their worker's main. */
export interface PanelCatalogueDeps {
  /** Environment of the process, for programs that panels start. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Parameters of the worker (`--parameter key=value`). */
  readonly parameters: Readonly<Record<string, string>>;
  /** Accounts for the owners of programs. @default everybody's programs run as the worker's user */
  readonly accounts?: OwnerAccounts | undefined;
}

const factories: Readonly<Record<string, (deps: PanelCatalogueDeps) => PanelDefinition>> = {
  echo: () => createEchoPanel(),
  logs: ({ parameters }) => createLogsPanel({ parameters }),
  terminal: ({ environment, accounts }) => createTerminalPanel({ environment, ...(accounts && { accounts }) }),
};

/** Names of the panels that ship. */
export const panelNames: readonly string[] = Object.keys(factories);

/**
 * The panel of a name.
 * @throws PANEL_UNKNOWN; CONFIG_INVALID when a parameter of the worker is wrong.
 */
export function createPanel(name: string, deps: PanelCatalogueDeps): PanelDefinition {
  const create = Object.hasOwn(factories, name) ? factories[name] : undefined;
  if (create) return create(deps);
  throw new PaneletError('PANEL_UNKNOWN', `There is no panel "${name}". Known panels: ${panelNames.join(', ')}.`);
}

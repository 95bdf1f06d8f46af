import { PaneletError } from '#common/errors.js';
import type { PanelDefinition } from '../panel.js';

/** What the panels that ship need from their worker's main. */
export interface PanelCatalogueDeps {
  /** Environment of the process, for programs that panels start. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Parameters of the worker (`--parameter key=value`). */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Names of the panels that ship. */
export const panelNames = ['echo', 'logs', 'terminal'] as const;

/**
 * The panel of a name.
 * @throws PANEL_UNKNOWN; CONFIG_INVALID when a parameter of the worker is wrong.
 */
export function createPanel(name: string, _deps: PanelCatalogueDeps): PanelDefinition {
  throw new PaneletError('PANEL_UNKNOWN', `There is no panel "${name}". Known panels: ${panelNames.join(', ')}.`);
}

import { PaneletError } from '#common/errors/errors.js';
import { terminalSize } from '#common/terminal/terminal-size.js';
import type { CliWorld } from '../io/cli-world.js';

/** Panel that is used when none is named. */
export const defaultPanel = 'terminal';

/** Parameters given as `key=value`. @throws CONFIG_INVALID for one without `=`. */
export function readParams(params: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    params.map((param) => {
      const at = param.indexOf('=');
      if (at > 0) return [param.slice(0, at), param.slice(at + 1)];
      throw new PaneletError('CONFIG_INVALID', `The parameter "${param}" is not of the form key=value.`);
    }),
  );
}

/** True for panels that run a program on a pseudoterminal: `terminal`, and those named after it (`terminal-root`). */
export function isTerminalPanel(panel: string): boolean {
  return panel === defaultPanel || panel.startsWith(`${defaultPanel}-`);
}

/** Parameters of a terminal panel for the user's window, and of the command; without one it is a shell. */
export function terminalParameters(command: readonly string[], world: CliWorld): Record<string, string> {
  const term = world.env['TERM'];
  const { rows, cols } = terminalSize({ rows: world.stdout.rows, cols: world.stdout.columns });
  return {
    rows: String(rows),
    cols: String(cols),
    ...(term === undefined || term === '' || term === 'dumb' ? {} : { term }),
    ...(command.length === 0 ? {} : commandParameters(command)),
  };
}

/** Parameters of a terminal panel for a command on pipes. */
export function pipeParameters(command: readonly string[]): Record<string, string> {
  return { ...commandParameters(command), tty: 'false' };
}

/**
 * Parameters for variables given as `NAME=VALUE`, or as `NAME` for the value that it has here.
 * @throws CONFIG_INVALID for a name that cannot be one, or that has no value here.
 */
export function readVariables(given: readonly string[], env: CliWorld['env']): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      const name = at < 0 ? text : text.slice(0, at);
      const value = at < 0 ? env[name] : text.slice(at + 1);
      if (!/^[A-Za-z_]\w*$/.test(name)) {
        throw new PaneletError(
          'CONFIG_INVALID',
          `--env needs NAME=VALUE, or NAME; "${name}" is no name of a variable.`,
        );
      }
      if (value === undefined) {
        throw new PaneletError(
          'CONFIG_INVALID',
          `--env ${name}: the variable is not set here. Give it as ${name}=VALUE.`,
        );
      }
      return [`env.${name}`, value];
    }),
  );
}

function commandParameters([command = '', ...args]: readonly string[]): Record<string, string> {
  return { command, args: JSON.stringify(args) };
}

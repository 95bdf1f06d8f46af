import { PaneletError } from '#common/errors.js';
import type { CliWorld } from './cli-world.js';

/** Panel that is used when none is named. */
export const defaultPanel = 'terminal';

/** What the user asked to run. */
export interface ProgramRequest {
  readonly panel: string;
  readonly command: readonly string[];
  /** `--param` values, `key=value`. */
  readonly params: readonly string[];
}

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

/** Parameters of a terminal panel for the user's window, and of the command, if one is asked for. */
export function terminalParameters(request: ProgramRequest, world: CliWorld): Record<string, string> {
  const [command, ...args] = request.command;
  const term = world.env['TERM'];
  return {
    ...(world.stdout.rows === undefined ? {} : { rows: String(world.stdout.rows) }),
    ...(world.stdout.columns === undefined ? {} : { cols: String(world.stdout.columns) }),
    ...(term === undefined || term === '' || term === 'dumb' ? {} : { term }),
    ...(command === undefined ? {} : { command, args: JSON.stringify(args) }),
    ...readParams(request.params),
  };
}

/**
 * Parameters for a command whose output goes to a file or a pipe: the pseudoterminal neither echoes nor turns line ends
 * into CR LF.
 */
export function plainCommandParameters(request: ProgramRequest): Record<string, string> {
  const args = ['-c', 'stty -echo -opost 2>/dev/null; exec "$@"', 'sh', ...request.command];
  return {
    command: 'sh',
    args: JSON.stringify(args),
    term: 'dumb',
    rows: '50',
    cols: '200',
    ...readParams(request.params),
  };
}

import { PaneletError } from '#common/errors.js';
import { exitCodeOfOutcome } from './attach-command.js';
import { withAgent } from './agent-access.js';
import { sayWaiting, type CliContext } from './cli-context.js';
import { exitCodes } from './exit-codes.js';
import { runPipe } from './run-pipe.js';
import { runTerminal } from './run-terminal.js';
import { defaultPanel, plainCommandParameters, readParams, terminalParameters } from './session-options.js';

/** Flags of `exec`. */
export interface ExecFlags {
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly param?: readonly string[];
}

/** Flags of `logs`. */
export interface LogsFlags {
  readonly panel: string;
  readonly follow?: boolean;
  /** The last so many lines; all when not set. */
  readonly lines?: number;
  readonly param?: readonly string[];
}

/** `panelet exec`: runs a command, and ends with its exit code. The session ends with it, or with this process. */
export async function execCommand(
  context: CliContext,
  panelName: string | undefined,
  flags: ExecFlags,
): Promise<number> {
  const { world } = context;
  const command = context.program ?? [];
  if (command.length === 0) {
    throw new PaneletError(
      'CONFIG_INVALID',
      `exec needs a command after "--", for example: ${world.name} exec -- uname -a`,
    );
  }
  const request = { panel: panelName ?? defaultPanel, command, params: flags.param ?? [] };
  const interactive = flags.tty === true;
  if (interactive && (world.stdin.isTTY !== true || world.stdout.isTTY !== true)) {
    throw new PaneletError(
      'CONFIG_INVALID',
      '--tty needs a terminal on standard input and output. Leave it out for pipes.',
    );
  }
  return withAgent(context, {}, async (client) => {
    const parameters = interactive ? terminalParameters(request, world) : plainCommandParameters(request);
    const session = await client.open({
      panel: request.panel,
      parameters,
      signal: world.stop,
      onWaiting: sayWaiting(context),
    });
    const greeting = `${command[0] ?? ''} ${session.sessionId},`;
    const outcome = interactive
      ? await runTerminal({ session, world, greeting })
      : await runPipe({ session, world, input: flags.stdin === true ? 'pass' : 'end', onStop: 'close' });
    const known = outcome.kind !== 'ended' || world.stop.aborted;
    return known ? exitCodeOfOutcome(outcome, world.stop) : exitCodes.sessionOver.code;
  });
}

/** `panelet logs`: the lines of a file, as they are written. */
export async function logsCommand(context: CliContext, path: string, flags: LogsFlags): Promise<number> {
  const { world } = context;
  return withAgent(context, {}, async (client) => {
    const start = flags.lines === undefined ? { from: 'start' } : { lines: String(flags.lines) };
    const follow = String(flags.follow === true);
    const parameters = { path, follow, ...start, ...readParams(flags.param ?? []) };
    const session = await client.open({
      panel: flags.panel,
      parameters,
      signal: world.stop,
      onWaiting: sayWaiting(context),
    });
    const outcome = await runPipe({ session, world, input: 'none', onStop: 'close' });
    return exitCodeOfOutcome(outcome, world.stop);
  });
}

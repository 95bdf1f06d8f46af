import { PaneletError } from '#common/errors/errors.js';
import { exitCodeOfOutcome } from './attach-command.js';
import { withAgent } from '../access/agent-access.js';
import { sayWaiting, type CliContext } from '../access/cli-context.js';
import type { CliWorld } from '../io/cli-world.js';
import { exitCodes } from '../io/exit-codes.js';
import { runPipe } from './run-pipe.js';
import { runTerminal } from './run-terminal.js';
import { defaultPanel, pipeParameters, readParams, readVariables, terminalParameters } from './session-options.js';
import { startTimeLimit } from './time-limit.js';

/** Flags of `exec`. */
export interface ExecFlags {
  readonly stdin?: boolean;
  readonly tty?: boolean;
  /** `NAME=VALUE`, or `NAME` for the value here. */
  readonly env?: readonly string[];
  /** Directory on the node. */
  readonly workdir?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly param?: readonly string[];
}

/**
 * `panelet exec`: runs a command on pipes, or with `--tty` on this terminal, and ends with its exit code. The session
 * ends with it, or with this process.
 */
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
  const interactive = isInteractive(flags, world);
  const parameters = parametersOf(command, flags, { interactive, world });
  return withAgent(context, {}, async (client, { way: { address } }) => {
    const session = await client.open({
      panel: panelName ?? defaultPanel,
      parameters,
      signal: world.stop,
      onWaiting: sayWaiting(context),
    });
    const limit = startTimeLimit(session, flags.timeout, world);
    const greeting = `${command[0] ?? ''} ${session.sessionId},`;
    const outcome = interactive
      ? await runTerminal({ session, world, greeting, onLeave: 'terminate', address })
      : await runPipe({ session, world, input: flags.stdin === true ? 'pass' : 'end', onStop: 'terminate', address });
    if (limit.stop() === 'over') return exitCodes.timedOut.code;
    const known = outcome.kind !== 'ended' || world.stop.aborted;
    return known ? exitCodeOfOutcome(outcome, world.stop) : exitCodes.sessionOver.code;
  });
}

/** True for a terminal on both sides. As kubectl does, `--tty` without one here goes on without, and says so. */
function isInteractive(flags: ExecFlags, { stdin, stdout, stderr }: CliWorld): boolean {
  if (flags.tty !== true) return false;
  if (stdin.isTTY === true && stdout.isTTY === true) return true;
  const which = stdin.isTTY === true ? 'output' : 'input';
  stderr.write(`panelet: standard ${which} is not a terminal; going on without --tty\n`);
  return false;
}

function parametersOf(
  command: readonly string[],
  flags: ExecFlags,
  { interactive, world }: { interactive: boolean; world: CliWorld },
): Record<string, string> {
  return {
    ...(interactive ? terminalParameters(command, world) : pipeParameters(command)),
    ...readVariables(flags.env ?? [], world.env),
    ...(flags.workdir === undefined ? {} : { cwd: flags.workdir }),
    ...readParams(flags.param ?? []),
  };
}

import { terminalSize, type TerminalSize } from '#common/terminal/terminal-size.js';
import { Channel, type Event } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { OwnerAccount, OwnerAccounts } from '../../owners/owner-accounts.js';
import type { PanelContext, PanelDefinition, PanelSession } from '../../panel/panel.js';
import { type EndLimits, endProcesses } from './end-processes.js';
import { createFamily } from './family.js';
import { createPipedSession } from './piped-session.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { exitStatus } from './program-exit.js';
import { programDetails, startOf, type ProgramSetup } from './program-setup.js';
import { openPty } from './pty.js';
import { createPtyWriter } from './pty-writer.js';
import { createScreen, screenContentType } from './screen.js';
import { ownerPlaces } from './owner-places.js';
import { type Environment, ownPlaces, readTerminalProgram, type TerminalProgram } from './terminal-parameters.js';

/** What the terminal panel needs. */
export interface TerminalPanelDeps {
  /** Environment of the process. */
  readonly environment: Environment;
  /** Gives each owner an account of his own. @default everybody's programs run as the worker's user */
  readonly accounts?: OwnerAccounts;
  /** @default 1 s after SIGHUP, 1 s after SIGTERM, 5 s after SIGKILL */
  readonly endLimits?: EndLimits;
}

const defaultEndLimits: EndLimits = { hangupMs: 1000, terminateMs: 1000, killMs: 5000 };
// The program waits while this much of its output was not interpreted for snapshots.
const maxBacklogBytes = 1024 * 1024;
// What typing Control-D sends: a program that reads lines sees the end of its input.
const endOfTransmission = Buffer.from([0x04]);

/**
 * A program, by default the user's login shell, on a real pseudoterminal, or on pipes (`tty: false`). It cannot be
 * checkpointed: it lives as long as its worker.
 */
export function createTerminalPanel(deps: TerminalPanelDeps): PanelDefinition {
  return {
    name: 'terminal',
    version: '1',
    checkpointable: false,
    afterCrash: 'end',
    open: async (context) => {
      const account = await deps.accounts?.enter(context.owner);
      try {
        const program = await readProgram(context, deps.environment, account);
        const setup = { program, account, endLimits: deps.endLimits ?? defaultEndLimits };
        return await (program.tty ? createTerminalSession(context, setup) : createPipedSession(context, setup));
      } catch (error) {
        await account?.leave();
        throw error;
      }
    },
  };
}

function readProgram(
  context: PanelContext,
  environment: Environment,
  account?: OwnerAccount,
): Promise<TerminalProgram> {
  const session = { PANELET_SESSION: context.sessionId, PANELET_CALLER: context.owner };
  if (account === undefined) {
    return readTerminalProgram(context.parameters, { environment, account: {}, session, places: ownPlaces });
  }
  const { name, home, temporary } = account;
  const variables = { HOME: home, USER: name, LOGNAME: name, TMPDIR: temporary };
  return readTerminalProgram(context.parameters, {
    environment,
    account: variables,
    session,
    places: ownerPlaces(account),
  });
}

function createTerminalSession(context: PanelContext, setup: ProgramSetup): PanelSession {
  const { program, account, endLimits } = setup;
  const { output, gate, clock, log } = context;
  const table = createSessionProcesses();
  const screen = createScreen(program.rows, program.cols);
  let size: TerminalSize = program;
  let still = false;
  let closing: Promise<void> | undefined;

  const flow = (): void => {
    if (still || !output.canWrite() || screen.backlogBytes > maxBacklogBytes) pty.pause();
    else pty.resume();
  };
  const pty = openPty(
    startOf(setup),
    {
      onData: (bytes) => {
        if (closing) return;
        screen.write(bytes);
        output.writeData(Channel.STDOUT, bytes);
        if (!output.canWrite() || screen.backlogBytes > maxBacklogBytes) pty.pause();
      },
      onEnd: (exit) => {
        log.info({ pid: pty.pid, exit }, 'program of the terminal has ended');
        if (closing) return;
        output.writeEvent(exitStatus(exit));
        output.end();
      },
    },
    { clock },
  );
  const family = createFamily(pty, table);
  const writer = createPtyWriter({ pty, gate, clock });
  output.onWritable(flow);
  screen.onCaughtUp(flow);
  // Not before the caller has the session.
  setImmediate(flow);
  log.info({ pid: pty.pid, command: program.file }, 'program of the terminal has started');

  const onEvent = ({ kind }: Event): void => {
    if (kind?.$case === 'resize') {
      size = terminalSize(kind.value, size);
      pty.resize(size.rows, size.cols);
      screen.resize(size.rows, size.cols);
    }
    if (kind?.$case === 'signal') family.signalForeground(kind.value.name);
  };
  const end = async (): Promise<void> => {
    writer.cancel();
    // Read on, to nowhere: a program that is blocked on its output could not obey.
    pty.resume();
    try {
      await endProcesses({ remaining: () => family.members(), table, clock, log, limits: endLimits });
    } finally {
      // Whatever went wrong: else the terminal would stay open, and what its owner leaves behind would never be ended.
      await pty.close();
      screen.dispose();
      await account?.leave();
    }
  };
  return {
    input: (item: InputItem) => {
      if (closing) return undefined;
      if (item.kind === 'data') return writer.write(item.payload);
      if (item.kind === 'fin') return writer.write(endOfTransmission);
      onEvent(item.event);
      return undefined;
    },
    freeze: () => {
      still = true;
      pty.pause();
      return writer.idle();
    },
    thaw: () => {
      still = false;
      flow();
    },
    snapshot: () => ({ contentType: screenContentType, bytes: screen.snapshot() }),
    close: () => (closing ??= end()),
    details: () => programDetails(program, pty.pid, family),
  };
}

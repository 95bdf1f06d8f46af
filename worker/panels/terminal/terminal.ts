import { constants } from 'node:os';
import { Channel, type Event } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint.js';
import type { OwnerAccount, OwnerAccounts } from '../../owners/owner-accounts.js';
import type { PanelContext, PanelDefinition, PanelSession } from '../../panel.js';
import { type EndLimits, endProcesses } from './end-processes.js';
import { createProcessTable, type ProcessEntry, type ProcessTable } from './process-table.js';
import type { PtyProgram } from './pty-fork.js';
import { openPty, type Pty, type PtyExit } from './pty.js';
import { createPtyWriter } from './pty-writer.js';
import { createScreen, screenContentType } from './screen.js';
import { ownerPlaces } from './owner-places.js';
import { type Environment, ownPlaces, readTerminalProgram } from './terminal-parameters.js';

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
 * A program, by default the user's login shell, on a real pseudoterminal. It cannot be checkpointed: it lives as long
 * as its worker.
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
        return createTerminalSession(context, { program, account, endLimits: deps.endLimits ?? defaultEndLimits });
      } catch (error) {
        await account?.leave();
        throw error;
      }
    },
  };
}

function readProgram(context: PanelContext, environment: Environment, account?: OwnerAccount): Promise<PtyProgram> {
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

interface TerminalSetup {
  readonly program: PtyProgram;
  readonly account: OwnerAccount | undefined;
  readonly endLimits: EndLimits;
}

function createTerminalSession(context: PanelContext, setup: TerminalSetup): PanelSession {
  const { program, account, endLimits } = setup;
  const { output, gate, clock, log } = context;
  const table = createProcessTable();
  const screen = createScreen(program.rows, program.cols);
  let still = false;
  let closing: Promise<void> | undefined;

  const flow = (): void => {
    if (still || !output.canWrite() || screen.backlogBytes > maxBacklogBytes) pty.pause();
    else pty.resume();
  };
  // The owner's process enters the directory itself: this one cannot.
  const started = account === undefined ? program : { ...program, ...account.launch(program), cwd: '/' };
  const pty = openPty(
    started,
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
      const { rows, cols } = kind.value;
      if (!isSize(rows) || !isSize(cols)) return;
      pty.resize(rows, cols);
      screen.resize(rows, cols);
    }
    if (kind?.$case === 'signal') family.signalForeground(kind.value.name);
  };
  const end = async (): Promise<void> => {
    writer.cancel();
    // Read on, to nowhere: a program that is blocked on its output could not obey.
    pty.resume();
    await endProcesses({ remaining: () => family.members(), table, clock, log, limits: endLimits });
    await pty.close();
    screen.dispose();
    await account?.leave();
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
    details: () => ({
      pid: String(pty.pid),
      command: [program.file, ...program.args].join(' ').slice(0, 200),
      startTime: family.startTicks,
    }),
  };
}

/** The processes of a terminal's session: its program and what that started, but for those that left it (setsid). */
interface Family {
  /** Time the program started, in clock ticks since boot. */
  readonly startTicks: string;
  members(): readonly ProcessEntry[];
  signalForeground(name: string): void;
}

function createFamily(pty: Pty, table: ProcessTable): Family {
  const leader = table.find(pty.pid);
  const startTicks = leader?.startTicks ?? '';
  // A number stays taken while it names a session; once the session is empty it may name a stranger's.
  let extinct = false;
  const members = (): readonly ProcessEntry[] => {
    if (extinct) return [];
    const found = table.ofSession(pty.pid);
    const isStranger = found.some((entry) => entry.pid === pty.pid && entry.startTicks !== startTicks);
    extinct = isStranger || (found.length === 0 && pty.exited);
    return isStranger ? [] : found;
  };
  return {
    startTicks,
    members,
    signalForeground: (name) => {
      if (!isSignal(name)) return;
      const group = members().find((entry) => entry.foregroundGroup > 0)?.foregroundGroup;
      if (group !== undefined && table.signal(-group, name)) return;
      if (!pty.exited) table.signal(pty.pid, name);
    },
  };
}

function exitStatus({ code, signal }: PtyExit): Event {
  return { kind: { $case: 'exitStatus', value: { code, signal } } };
}

function isSize(cells: number): boolean {
  return Number.isInteger(cells) && cells >= 1 && cells <= 1000;
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

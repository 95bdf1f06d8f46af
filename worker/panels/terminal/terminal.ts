import { terminalSize, type TerminalSize } from '#common/terminal/terminal-size.js';
import { Channel, type Event } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { OwnerAccount, OwnerAccounts } from '../../owners/owner-accounts.js';
import type { PanelContext, PanelDefinition, PanelSession, PanelSnapshot } from '../../panel/panel.js';
import { type EndLimits, endProcesses } from '../../processes/end-processes.js';
import { createFamily, type Family } from '../../processes/family.js';
import { createPipedSession } from './piped-session.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { exitStatus, type ProgramEnd } from './program-exit.js';
import { programDetails, startOf, type ProgramSetup } from './program-setup.js';
import { openPty, type Pty } from './pty.js';
import { createPtyWriter, type PtyWriter } from './pty-writer.js';
import { createScreen, screenContentType, type Screen } from './screen.js';
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
        return await (program.tty ? new TerminalSession(context, setup) : createPipedSession(context, setup));
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

class TerminalSession implements PanelSession {
  readonly #context: PanelContext;
  readonly #setup: ProgramSetup;
  readonly #table = createSessionProcesses();
  readonly #screen: Screen;
  readonly #pty: Pty;
  readonly #family: Family;
  readonly #writer: PtyWriter;
  #size: TerminalSize;
  #isStill = false;
  #closing: Promise<void> | undefined;

  constructor(context: PanelContext, setup: ProgramSetup) {
    const { output, gate, clock, log } = context;
    const { program } = setup;
    this.#context = context;
    this.#setup = setup;
    this.#size = program;
    this.#screen = createScreen(program.rows, program.cols);
    const listener = {
      onData: (bytes: Buffer) => this.#onData(bytes),
      onEnd: (exit: ProgramEnd) => this.#onEnd(exit),
    };
    this.#pty = openPty(startOf(setup), listener, { clock });
    this.#family = createFamily(this.#pty, this.#table);
    this.#writer = createPtyWriter({ pty: this.#pty, gate, clock });
    const flow = (): void => this.#flow();
    output.onWritable(flow);
    this.#screen.onCaughtUp(flow);
    // Not before the caller has the session.
    setImmediate(flow);
    log.info({ pid: this.#pty.pid, command: program.file }, 'Program of the terminal has started');
  }

  input(item: InputItem): void | Promise<void> {
    if (this.#closing) return undefined;
    if (item.kind === 'data') return this.#writer.write(item.payload);
    if (item.kind === 'fin') return this.#writer.write(endOfTransmission);
    this.#onEvent(item.event);
    return undefined;
  }

  freeze(): Promise<void> {
    this.#isStill = true;
    this.#pty.pause();
    return this.#writer.idle();
  }

  thaw(): void {
    this.#isStill = false;
    this.#flow();
  }

  snapshot(): PanelSnapshot {
    return { contentType: screenContentType, bytes: this.#screen.snapshot() };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  details(): Record<string, string> {
    return programDetails(this.#setup.program, this.#pty.pid, this.#family);
  }

  get #takesOutput(): boolean {
    return this.#context.output.canWrite() && this.#screen.backlogBytes <= maxBacklogBytes;
  }

  #flow(): void {
    if (!this.#isStill && this.#takesOutput) this.#pty.resume();
    else this.#pty.pause();
  }

  #onData(bytes: Buffer): void {
    if (this.#closing) return;
    this.#screen.write(bytes);
    this.#context.output.writeData(Channel.STDOUT, bytes);
    if (!this.#takesOutput) this.#pty.pause();
  }

  #onEnd(exit: ProgramEnd): void {
    const { log, output } = this.#context;
    log.info({ pid: this.#pty.pid, exit }, 'Program of the terminal has ended');
    if (this.#closing) return;
    output.writeEvent(exitStatus(exit));
    output.end();
  }

  #onEvent({ kind }: Event): void {
    if (kind?.$case === 'resize') {
      this.#size = terminalSize(kind.value, this.#size);
      const { rows, cols } = this.#size;
      this.#pty.resize(rows, cols);
      this.#screen.resize(rows, cols);
    }
    if (kind?.$case === 'signal') this.#family.signalForeground(kind.value.name);
  }

  async #end(): Promise<void> {
    const { clock, log } = this.#context;
    const { account, endLimits } = this.#setup;
    this.#writer.cancel();
    // Read on, to nowhere: a program that is blocked on its output could not obey.
    this.#pty.resume();
    try {
      const remaining = () => this.#family.members();
      await endProcesses({ remaining, table: this.#table, clock, log, limits: endLimits });
    } finally {
      // Whatever went wrong: else the terminal would stay open, and what its owner leaves behind would never be ended.
      await this.#pty.close();
      this.#screen.dispose();
      await account?.leave();
    }
  }
}

import { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { PanelContext, PanelSession } from '../../panel/panel.js';
import { endProcesses } from '../../processes/end-processes.js';
import { createFamily, type Family } from '../../processes/family.js';
import { openPipes, type Pipes } from './pipes.js';
import { createSessionProcesses } from '../../processes/session-processes.js';
import { exitStatus, type ProgramEnd } from './program-exit.js';
import { programDetails, startOf, type ProgramSetup } from './program-setup.js';
import { createStdinWriter, type StdinWriter } from './stdin-writer.js';

/**
 * A program on three pipes: bytes as they are, standard output and errors apart, an end of input, an exit status. Its
 * output is over when it has ended and nobody else holds its pipes, as with ssh.
 */
export async function createPipedSession(context: PanelContext, setup: ProgramSetup): Promise<PanelSession> {
  // Paused, they tell nothing before the session is there.
  const pipes = await openPipes(
    startOf(setup),
    {
      onData: (from, bytes) => session.takeOutput(from, bytes),
      onEnd: (exit) => session.takeEnd(exit),
    },
    { clock: context.clock },
  );
  const session = new PipedSession(context, setup, pipes);
  return session;
}

class PipedSession implements PanelSession {
  readonly #context: PanelContext;
  readonly #setup: ProgramSetup;
  readonly #pipes: Pipes;
  readonly #table = createSessionProcesses();
  readonly #family: Family;
  readonly #stdin: StdinWriter;
  #isStill = false;
  #closing: Promise<void> | undefined;

  constructor(context: PanelContext, setup: ProgramSetup, pipes: Pipes) {
    const { output, gate, log } = context;
    this.#context = context;
    this.#setup = setup;
    this.#pipes = pipes;
    this.#family = createFamily(pipes, this.#table);
    this.#stdin = createStdinWriter({ pipes, gate });
    const flow = (): void => this.#flow();
    output.onWritable(flow);
    // Not before the caller has the session.
    setImmediate(flow);
    log.info({ pid: pipes.pid, command: setup.program.file }, 'Program has started on pipes');
  }

  input(item: InputItem): void | Promise<void> {
    if (this.#closing) return undefined;
    if (item.kind === 'data') return this.#stdin.write(item.payload);
    if (item.kind === 'fin') this.#pipes.endInput();
    else if (item.event.kind?.$case === 'signal') this.#family.signalForeground(item.event.kind.value.name);
    return undefined;
  }

  freeze(): Promise<void> {
    this.#isStill = true;
    this.#pipes.pause();
    return this.#stdin.idle();
  }

  thaw(): void {
    this.#isStill = false;
    this.#flow();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  details(): Record<string, string> {
    return programDetails(this.#setup.program, this.#pipes.pid, this.#family);
  }

  takeOutput(from: 'stdout' | 'stderr', bytes: Buffer): void {
    if (this.#closing) return;
    const channel = from === 'stdout' ? Channel.STDOUT : Channel.STDERR;
    if (!this.#context.output.writeData(channel, bytes)) this.#pipes.pause();
  }

  takeEnd(exit: ProgramEnd): void {
    const { log, output } = this.#context;
    log.info({ pid: this.#pipes.pid, exit }, 'Program has ended');
    if (this.#closing) return;
    output.writeEvent(exitStatus(exit));
    output.end();
  }

  #flow(): void {
    if (this.#isStill || !this.#context.output.canWrite()) this.#pipes.pause();
    else this.#pipes.resume();
  }

  async #end(): Promise<void> {
    const { clock, log } = this.#context;
    const { account, endLimits } = this.#setup;
    // Read on, to nowhere: a program that is blocked on its output could not obey.
    this.#pipes.resume();
    try {
      const remaining = () => this.#family.members();
      await endProcesses({ remaining, table: this.#table, clock, log, limits: endLimits });
    } finally {
      // Whatever went wrong: else the pipes would stay open, and what its owner leaves behind would never be ended.
      await this.#pipes.close();
      await account?.leave();
    }
  }
}

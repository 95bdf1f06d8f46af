import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import { findProcesses, readProcessFile, type ProcessStat } from '#common/process/process-stat.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { endProcesses, type EndLimits } from '../../processes/end-processes.js';
import { createFamily, type Family } from '../../processes/family.js';
import { createSessionProcesses } from '../../processes/session-processes.js';

/** What to start. */
export interface PanelProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** A variable that no other process has: it is in the environment, and marks everything that the program starts. */
  readonly mark: string;
  readonly cwd: string;
}

/** What a program tells its owner. */
export interface PanelProcessListener {
  /** Bytes from descriptor 4. */
  onMessageBytes(bytes: Buffer): void;
  /** Bytes from its standard output and error. */
  onTextBytes(bytes: Buffer): void;
  /** The program has ended, and what it wrote was given to the others. Once. */
  onGone(how: string): void;
}

/** The program of one session, leader of a session of processes. */
export interface PanelProcess {
  readonly pid: number;
  /** Writes to descriptor 3; resolves when the system has taken it, or nobody reads there any more. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Waits for its exit, then ends whatever it has started and is still there. Resolves when nothing is left, but for what is stuck in
   * the kernel. Idempotent.
   */
  end(exitMs: number): Promise<void>;
}

const endLimits: EndLimits = { hangupMs: 500, terminateMs: 500, killMs: 2_000 };
/** A process that the program has left behind may hold its descriptors; its last words are not waited for longer, in milliseconds. */
const lastWordsMs = 500;

/** Starts a program. @throws PANEL_FAILED when the system refuses */
export async function startPanelProcess(
  program: PanelProgram,
  listener: PanelProcessListener,
  deps: { readonly clock: Clock; readonly log: Log },
): Promise<PanelProcess> {
  const { file, args, cwd, environment } = program;
  const child = spawn(file, [...args], {
    ...{ cwd, env: environment, detached: true },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    const problem = `The program ${file} of the panel cannot be started: ${messageOf(error)}.`;
    throw new PaneletError('PANEL_FAILED', problem, { cause: error });
  }
  return new RunningPanelProcess(child, listener, { ...deps, mark: program.mark });
}

interface ProcessDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly mark: string;
}

class RunningPanelProcess implements PanelProcess {
  readonly pid: number;
  readonly #deps: ProcessDeps;
  readonly #input: Socket;
  readonly #outputs: readonly Socket[];
  readonly #family: Family;
  readonly #table = createSessionProcesses();
  readonly #exited: Latch<string> = createLatch();
  #ending: Promise<void> | undefined;

  constructor(child: ChildProcess, listener: PanelProcessListener, deps: ProcessDeps) {
    const { pid = 0, stdio } = child;
    const [, stdout, stderr, input, messages] = stdio as unknown as Socket[];
    if (stdout === undefined || stderr === undefined || input === undefined || messages === undefined) {
      throw new PaneletError('INTERNAL', 'A program was started without its descriptors.');
    }
    this.pid = pid;
    this.#deps = deps;
    this.#input = input;
    this.#outputs = [messages, stdout, stderr];
    const exited = this.#exited;
    this.#family = createFamily({ pid, get exited() { return exited.settled; } }, this.#table); // prettier-ignore
    // EPIPE, where nobody reads any more, and the like: what follows is its end.
    for (const socket of [input, ...this.#outputs]) socket.on('error', () => undefined);
    messages.on('data', (bytes: Buffer) => listener.onMessageBytes(bytes));
    for (const text of [stdout, stderr]) text.on('data', (bytes: Buffer) => listener.onTextBytes(bytes));
    child.once('exit', (code, signal) => exited.resolve(signal === null ? `with exit code ${code}` : `by ${signal}`));
    child.on('error', (err) => deps.log.error({ err }, 'The program of a panel had an error'));
    void this.#tell(listener);
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#input.writable) this.#input.write(bytes, () => resolve());
      else resolve();
    });
  }

  end(exitMs: number): Promise<void> {
    return (this.#ending ??= this.#end(exitMs));
  }

  async #tell(listener: PanelProcessListener): Promise<void> {
    const how = await this.#exited.promise;
    const closed = this.#outputs.map((socket) => (socket.closed ? Promise.resolve() : once(socket, 'close')));
    await Promise.race([Promise.all(closed), sleep(this.#deps.clock, lastWordsMs)]);
    listener.onGone(how);
  }

  async #end(exitMs: number): Promise<void> {
    const { clock, log } = this.#deps;
    this.#input.end();
    try {
      await Promise.race([this.#exited.promise, sleep(clock, exitMs)]);
      await endProcesses({ remaining: () => this.#remaining(), table: this.#table, clock, log, limits: endLimits });
    } finally {
      for (const socket of [this.#input, ...this.#outputs]) socket.destroy();
    }
  }

  /** Its processes, and when these are gone, those that left its session and carry its mark. */
  #remaining(): readonly ProcessStat[] {
    const members = this.#family.members();
    if (members.length > 0) return members;
    return findProcesses((pid) => readProcessFile(pid, 'environ').includes(this.#deps.mark));
  }
}

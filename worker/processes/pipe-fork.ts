import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { pipeLauncher } from './pipe-launcher.js';
import { createSessionProcesses } from './session-processes.js';
import { forkPty, type PtyProgram, type RawExit } from './pty-fork.js';

/** A program to start on pipes. */
export type PipeProgram = Omit<PtyProgram, 'rows' | 'cols'>;

/** A program that stands on three pipes. The caller closes the descriptors, which are non-blocking. */
export interface PipeFork {
  /** It leads a session of its own, without a terminal. */
  readonly pid: number;
  /** To write what it reads. */
  readonly stdin: number;
  /** To read what it writes. */
  readonly stdout: number;
  readonly stderr: number;
  /** Ends who waits for the program, and with it the program if it is still there (SIGHUP). Resolves when that is closed. */
  hangUp(): Promise<void>;
}

const startMs = 10_000;
const readyLine = /^R(\d+)\r?\n/;

/**
 * Starts a program on three pipes, in a session without a terminal. It goes by way of a pseudoterminal: only there are
 * the descriptors of other terminals closed in the child (`forkPty`). On the terminal stays setsid(1), which waits for
 * the program and tells how it ended. `onExit` is called once if the program was started.
 * @throws PANEL_FAILED when the system refuses.
 */
export async function forkPipes(
  program: PipeProgram,
  onExit: (exit: RawExit) => void,
  clock: Clock,
): Promise<PipeFork> {
  const exit = createLatch<RawExit>();
  const launcher = ['--wait', '/bin/sh', '-c', pipeLauncher, 'panelet-pipes', program.file, ...program.args];
  const { fd, pid } = forkPty({ ...program, file: '/usr/bin/setsid', args: launcher, rows: 24, cols: 200 }, (raw) =>
    exit.resolve(raw),
  );
  const terminal = listenTo(fd);
  try {
    const limit = { clock, limitMs: startMs, error: () => refused('it took too long') };
    const programPid = await withDeadline(limit, () => terminal.ready);
    const ends = openEnds(programPid);
    writeSync(fd, '\n');
    void Promise.all([exit.promise, terminal.closed]).then(([raw]) => onExit(exitOf(raw, programPid, terminal.said())));
    const hangUp = (): Promise<void> => {
      terminal.close();
      return terminal.closed;
    };
    return { pid: programPid, ...ends, hangUp };
  } catch (error) {
    createSessionProcesses().signal(pid, 'SIGKILL');
    terminal.close();
    throw error;
  }
}

interface Launching {
  /** Resolves with the pid of the program to be. */
  readonly ready: Promise<number>;
  /** Resolves when nobody has the terminal open any more and all was read. */
  readonly closed: Promise<void>;
  said(): string;
  close(): void;
}

function listenTo(fd: number): Launching {
  const ready = createLatch<number>();
  const closed = createLatch();
  const terminal = new ReadStream(fd);
  let said = '';
  terminal.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
    const pid = readyLine.exec(said)?.[1];
    if (pid !== undefined) ready.resolve(Number(pid));
  });
  // EIO is how Linux says that nobody has the other side open any more.
  terminal.on('error', () => undefined);
  terminal.on('close', () => {
    ready.reject(refused(said.trim() || 'its launcher has ended'));
    closed.resolve();
  });
  return { ready: ready.promise, closed: closed.promise, said: () => said, close: () => void terminal.destroy() };
}

/**
 * setsid(1) says "child <pid> did not exit normally", in the language of the environment, before it exits with the number
 * of the signal; 128 is added where memory was dumped.
 */
function exitOf({ code, signal }: RawExit, programPid: number, said: string): RawExit {
  const later = said.replace(readyLine, '');
  return signal === 0 && later.includes(String(programPid)) ? { code: 0, signal: code & 0x7f } : { code, signal };
}

function openEnds(pid: number): Omit<PipeFork, 'pid' | 'hangUp'> {
  const opened: number[] = [];
  const open = (fd: number, direction: number): number => {
    const end = openSync(`/proc/${pid}/fd/${fd}`, direction | constants.O_NONBLOCK);
    opened.push(end);
    return end;
  };
  try {
    return {
      stdin: open(4, constants.O_WRONLY),
      stdout: open(5, constants.O_RDONLY),
      stderr: open(6, constants.O_RDONLY),
    };
  } catch (error) {
    for (const end of opened) closeSync(end);
    throw refused(String(error));
  }
}

function refused(reason: string): PaneletError {
  return new PaneletError('PANEL_FAILED', `Cannot start the program on pipes: ${reason}.`);
}

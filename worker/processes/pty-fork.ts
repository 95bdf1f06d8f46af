import { closeSync, openSync, readdirSync } from 'node:fs';
import nodePty from '@lydell/node-pty';
import { PaneletError, messageOf } from '#common/errors/errors.js';
import { isUtf8Terminal } from './terminal-encoding.js';

/** A program to start on a new pseudoterminal. */
export interface PtyProgram {
  /** Absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly rows: number;
  readonly cols: number;
}

/** How a program ended: an exit code, or the number of a signal. */
export interface RawExit {
  readonly code: number;
  readonly signal: number;
}

/** A program running on a pseudoterminal. */
export interface PtyFork {
  readonly pid: number;
  /** The terminal's master side, non-blocking. The caller closes it. */
  readonly fd: number;
}

/*
 * node-pty's native part, which it exports without promising it. Its class on top loses output: it destroys the
 * descriptor 200 ms after the program's exit, however much a paused reader has left to read. The version is pinned
 * exactly, and the tests beside this file run the real thing.
 */
interface NativePty {
  fork(
    file: string,
    args: readonly string[],
    environment: readonly string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helper: string,
    onExit: (code: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number };
  resize(fd: number, cols: number, rows: number, widthPixels: number, heightPixels: number): void;
}
const { native } = nodePty as unknown as { readonly native: NativePty };

const maxAttempts = 5;

/**
 * Starts a program as leader of a new session on a new pseudoterminal, with no descriptor of this process.
 * @throws PANEL_FAILED when the system refuses.
 */
export function forkPty(program: PtyProgram, onExit: (exit: RawExit) => void): PtyFork {
  for (let attempt = 1; ; attempt++) {
    const result = forkAboveAll(program, onExit);
    if (result.kind === 'forked') return result.fork;
    if (attempt === maxAttempts) {
      throw new PaneletError('PANEL_FAILED', 'Cannot start the program apart from other sessions. Try again.');
    }
  }
}

/** Tells the kernel the size of the window; it signals SIGWINCH to the foreground programs. */
export function resizePty(fd: number, rows: number, cols: number): void {
  native.resize(fd, cols, rows, 0, 0);
}

type ForkResult = { readonly kind: 'forked'; readonly fork: PtyFork } | { readonly kind: 'raced' };

/**
 * Masters are not close-on-exec; node-pty's child marks its descriptors so, from 3 upwards, and stops at the first
 * one that is free, which is always its own terminal's. Masters above would reach the program, and a user would hold
 * another one's terminal. So all gaps are filled first, which gives the new master the highest number.
 */
function forkAboveAll(program: PtyProgram, onExit: (exit: RawExit) => void): ForkResult {
  const fillers = fillGaps();
  let usable = true;
  try {
    const environment = Object.entries(program.environment).map(([name, value]) => `${name}=${value}`);
    const { file, args, cwd, cols, rows } = program;
    const utf8 = isUtf8Terminal(program.environment);
    const { fd, pid } = native.fork(file, args, environment, cwd, cols, rows, -1, -1, utf8, '', (code, signal) => {
      if (usable) onExit({ code, signal });
    });
    if (fd > Math.max(...fillers)) return { kind: 'forked', fork: { fd, pid } };
    // A thread of the pool closed a file in between.
    usable = false;
    process.kill(pid, 'SIGKILL');
    closeSync(fd);
    return { kind: 'raced' };
  } catch (error) {
    const reason = messageOf(error);
    throw new PaneletError('PANEL_FAILED', `Cannot start ${program.file} on a new terminal: ${reason}`, {
      cause: error,
    });
  } finally {
    for (const filler of fillers) closeSync(filler);
  }
}

function fillGaps(): readonly number[] {
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number));
  const fillers: number[] = [];
  do fillers.push(openSync('/dev/null', 'r'));
  while (Math.max(...fillers) <= highest);
  return fillers;
}

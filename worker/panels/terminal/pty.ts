import { readSync, writeSync } from 'node:fs';
import type { ConnectOpts, SocketConstructorOpts } from 'node:net';
import { ReadStream } from 'node:tty';
import type { Clock, Timer } from '#common/time/clock.js';
import { createLatch } from '#common/time/latch.js';
import { systemCode } from '#common/errors/storage-error.js';
import { programExit, type ProgramEnd } from './program-exit.js';
import { forkPty, type PtyProgram, type RawExit, resizePty } from '../../processes/pty-fork.js';

/** What a terminal tells its owner. */
export interface PtyListener {
  /** Output; not while paused. */
  onData(bytes: Buffer): void;
  /** The program has ended and all its output was given to `onData`. Once. */
  onEnd(exit: ProgramEnd): void;
}

/** A program on a pseudoterminal. */
export interface Pty {
  readonly pid: number;
  /** Starts giving output. */
  resume(): void;
  pause(): void;
  /**
   * Writes what the terminal takes at once.
   * @returns the number of bytes taken, 0 when it is full; undefined when it is closed.
   */
  write(bytes: Uint8Array): number | undefined;
  resize(rows: number, cols: number): void;
  /** True once the program has ended. */
  readonly exited: boolean;
  /** Closes the terminal; output that was not read is lost. Resolves when the descriptor is closed. Idempotent. */
  close(): Promise<void>;
}

// A program left behind in the background may hold the terminal open for ever. What the ended one had written is in the
// kernel, which keeps less than this much; after it, or after a silence, the output is over.
const quietMs = 100;
// The kernel gives at most 4 KiB, or a few times that, in one go.
const readBytes = 16 * 1024;
const kernelBytes = 256 * 1024;

/** Starts a program on a new pseudoterminal, paused. @throws PANEL_FAILED when the system refuses. */
export function openPty(program: PtyProgram, listener: PtyListener, deps: { readonly clock: Clock }): Pty {
  const closed = createLatch();
  let exit: ProgramEnd | undefined;
  let paused = true;
  let told = false;
  let sinceExit = 0;
  let quiet: Timer | undefined;

  const end = (): void => {
    quiet?.stop();
    if (told || exit === undefined || !socket.destroyed) return;
    told = true;
    listener.onEnd(exit);
  };
  const finish = (): void => {
    socket.destroy();
    end();
  };
  const onQuiet = (): void => {
    // Timers run before reads: a process that was busy for this long has not looked yet.
    const left = socket.destroyed ? undefined : readSome(fd);
    if (left === undefined) finish();
    else onData(left);
  };
  const awaitQuiet = (): void => {
    quiet?.stop();
    if (exit !== undefined && !paused && !told) quiet = deps.clock.after(quietMs, onQuiet);
  };
  const onExit = (raw: RawExit): void => {
    exit = programExit(raw);
    end();
    awaitQuiet();
  };
  const { fd, pid } = forkPty(program, onExit);
  const onData = (bytes: Buffer): void => {
    listener.onData(bytes);
    if (exit === undefined) return;
    sinceExit += bytes.length;
    if (sinceExit > kernelBytes) finish();
    else awaitQuiet();
  };
  // With a buffer of one's own, a paused stream reads nothing; otherwise it reads ahead, and its error at the end (EIO)
  // throws away what it has.
  const options: SocketConstructorOpts & ConnectOpts = {
    onread: {
      buffer: Buffer.allocUnsafe(readBytes),
      callback: (size, buffer) => {
        onData(Buffer.from(buffer.subarray(0, size)));
        return true;
      },
    },
  };
  const socket = new ReadStream(fd, options);
  // EIO is how Linux says that nobody has the other side open any more, and nothing is left to read.
  socket.on('error', end);
  // But libuv takes a hang-up after a short read for the end, and reads of a terminal are always short: what is left is
  // read here, at most what the kernel keeps. The descriptor is closed after this event, not before.
  socket.on('end', () => {
    for (let bytes = readSome(fd); bytes !== undefined; bytes = readSome(fd)) listener.onData(bytes);
  });
  socket.on('close', () => {
    closed.resolve();
    end();
  });
  return {
    pid,
    resume: () => {
      paused = false;
      if (!socket.destroyed) socket.resume();
      awaitQuiet();
    },
    pause: () => {
      paused = true;
      quiet?.stop();
      socket.pause();
    },
    // Synchronous, so that the descriptor cannot be closed, and its number given to another file, while it is written to.
    write: (bytes) => (socket.destroyed ? undefined : writeSome(fd, bytes)),
    resize: (rows, cols) => {
      if (!socket.destroyed) resizePty(fd, rows, cols);
    },
    get exited() {
      return exit !== undefined;
    },
    close: () => {
      finish();
      return closed.promise;
    },
  };
}

/** @returns undefined when there is nothing to read now, or ever. */
function readSome(fd: number): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(readBytes);
  try {
    const size = readSync(fd, buffer, 0, readBytes, null);
    return size === 0 ? undefined : buffer.subarray(0, size);
  } catch {
    return undefined;
  }
}

function writeSome(fd: number, bytes: Uint8Array): number | undefined {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return systemCode(error) === 'EAGAIN' ? 0 : undefined;
  }
}

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
  return new ForkedPty(program, listener, deps.clock);
}

class ForkedPty implements Pty {
  readonly pid: number;
  readonly #fd: number;
  readonly #socket: ReadStream;
  readonly #listener: PtyListener;
  readonly #clock: Clock;
  readonly #closed = createLatch();
  #exit: ProgramEnd | undefined;
  #isPaused = true;
  #isTold = false;
  #bytesSinceExit = 0;
  #quiet: Timer | undefined;

  constructor(program: PtyProgram, listener: PtyListener, clock: Clock) {
    this.#listener = listener;
    this.#clock = clock;
    const { fd, pid } = forkPty(program, (raw) => this.#onExit(raw));
    this.#fd = fd;
    this.pid = pid;
    this.#socket = new ReadStream(fd, this.#readOptions());
    this.#listen();
  }

  get exited(): boolean {
    return this.#exit !== undefined;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#socket.destroyed) this.#socket.resume();
    this.#awaitQuiet();
  }

  pause(): void {
    this.#isPaused = true;
    this.#quiet?.stop();
    this.#socket.pause();
  }

  // Synchronous, so that the descriptor cannot be closed, and its number given to another file, while it is written to.
  write(bytes: Uint8Array): number | undefined {
    return this.#socket.destroyed ? undefined : writeSome(this.#fd, bytes);
  }

  resize(rows: number, cols: number): void {
    if (!this.#socket.destroyed) resizePty(this.#fd, rows, cols);
  }

  close(): Promise<void> {
    this.#finish();
    return this.#closed.promise;
  }

  // With a buffer of one's own, a paused stream reads nothing; otherwise it reads ahead, and its error at the end (EIO)
  // throws away what it has.
  #readOptions(): SocketConstructorOpts & ConnectOpts {
    return {
      onread: {
        buffer: Buffer.allocUnsafe(readBytes),
        callback: (size, buffer) => {
          this.#onData(Buffer.from(buffer.subarray(0, size)));
          return true;
        },
      },
    };
  }

  #listen(): void {
    // EIO is how Linux says that nobody has the other side open any more, and nothing is left to read.
    this.#socket.on('error', () => this.#tellEnd());
    // But libuv takes a hang-up after a short read for the end, and reads of a terminal are always short: what is left is
    // read here, at most what the kernel keeps. The descriptor is closed after this event, not before.
    this.#socket.on('end', () => {
      for (let bytes = readSome(this.#fd); bytes !== undefined; bytes = readSome(this.#fd)) {
        this.#listener.onData(bytes);
      }
    });
    this.#socket.on('close', () => {
      this.#closed.resolve();
      this.#tellEnd();
    });
  }

  #onExit(raw: RawExit): void {
    this.#exit = programExit(raw);
    this.#tellEnd();
    this.#awaitQuiet();
  }

  #onData(bytes: Buffer): void {
    this.#listener.onData(bytes);
    if (this.#exit === undefined) return;
    this.#bytesSinceExit += bytes.length;
    if (this.#bytesSinceExit > kernelBytes) this.#finish();
    else this.#awaitQuiet();
  }

  #awaitQuiet(): void {
    this.#quiet?.stop();
    if (this.#exit === undefined || this.#isPaused || this.#isTold) return;
    this.#quiet = this.#clock.after(quietMs, () => this.#onQuiet());
  }

  #onQuiet(): void {
    // Timers run before reads: a process that was busy for this long has not looked yet.
    const left = this.#socket.destroyed ? undefined : readSome(this.#fd);
    if (left === undefined) this.#finish();
    else this.#onData(left);
  }

  #finish(): void {
    this.#socket.destroy();
    this.#tellEnd();
  }

  /** Tells that it is over, once: the program has ended, and nothing is read any more. */
  #tellEnd(): void {
    this.#quiet?.stop();
    if (this.#isTold || this.#exit === undefined || !this.#socket.destroyed) return;
    this.#isTold = true;
    this.#listener.onEnd(this.#exit);
  }
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

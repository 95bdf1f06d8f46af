import { Socket, type ConnectOpts, type SocketConstructorOpts } from 'node:net';
import type { Clock } from '#common/time/clock.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { forkPipes, type PipeProgram } from '../../processes/pipe-fork.js';
import { programExit, type ProgramEnd } from './program-exit.js';

/** What a program on pipes tells its owner. */
export interface PipesListener {
  /** Output; not while paused. */
  onData(from: 'stdout' | 'stderr', bytes: Buffer): void;
  /** The program has ended, nobody holds its output any more, and all of it was given to `onData`. Once. */
  onEnd(exit: ProgramEnd): void;
}

/** A program on three pipes. */
export interface Pipes {
  readonly pid: number;
  /** Starts giving output. */
  resume(): void;
  pause(): void;
  /** Resolves when the pipe has taken everything; what a closed pipe does not take is dropped. One at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more input: the program reads the end of it. */
  endInput(): void;
  /** True once the program has ended. */
  readonly exited: boolean;
  /** Closes all three; output that was not read is lost. Resolves when the descriptors are closed. Idempotent. */
  close(): Promise<void>;
}

const readBytes = 64 * 1024;

/** Starts a program on new pipes, paused. @throws PANEL_FAILED when the system refuses. */
export async function openPipes(
  program: PipeProgram,
  listener: PipesListener,
  deps: { readonly clock: Clock },
): Promise<Pipes> {
  let exit: ProgramEnd | undefined;
  let told = false;
  const outputs: Output[] = [];
  const end = (): void => {
    const isOver = outputs.length > 0 && outputs.every((output) => output.closed.settled);
    if (told || exit === undefined || !isOver) return;
    told = true;
    listener.onEnd(exit);
  };
  const fork = await forkPipes(
    program,
    (raw) => {
      exit = programExit(raw);
      end();
    },
    deps.clock,
  );
  const stdin = createInput(fork.stdin);
  outputs.push(
    createOutput(fork.stdout, (bytes) => listener.onData('stdout', bytes)),
    createOutput(fork.stderr, (bytes) => listener.onData('stderr', bytes)),
  );
  for (const { closed } of outputs) void closed.promise.then(end);
  return {
    pid: fork.pid,
    resume: () => outputs.forEach(({ socket }) => socket.resume()),
    pause: () => outputs.forEach(({ socket }) => socket.pause()),
    write: (bytes) => stdin.write(bytes),
    endInput: () => void stdin.socket.end(),
    get exited() {
      return exit !== undefined;
    },
    close: async () => {
      const ends = [stdin, ...outputs];
      for (const { socket } of ends) socket.destroy();
      await Promise.all([fork.hangUp(), ...ends.map(({ closed }) => closed.promise)]);
    },
  };
}

interface End {
  readonly socket: Socket;
  readonly closed: Latch<void>;
}

type Output = End;

function createEnd(socket: Socket): End {
  const closed = createLatch();
  // EPIPE, where nobody reads any more; what follows is the same as a close.
  socket.on('error', () => undefined);
  socket.once('close', () => closed.resolve());
  return { socket, closed };
}

function createOutput(fd: number, onData: (bytes: Buffer) => void): Output {
  // With a buffer of one's own, a paused socket reads nothing ahead.
  const options: SocketConstructorOpts & ConnectOpts = {
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer: Buffer.allocUnsafe(readBytes),
      callback: (size, buffer) => {
        onData(Buffer.from(buffer.subarray(0, size)));
        return true;
      },
    },
  };
  const socket = new Socket(options);
  socket.pause();
  return createEnd(socket);
}

interface Input extends End {
  write(bytes: Uint8Array): Promise<void>;
}

function createInput(fd: number): Input {
  const end = createEnd(new Socket({ fd, readable: false, writable: true }));
  const { socket } = end;
  return {
    ...end,
    write: (bytes) =>
      new Promise((resolve) => {
        if (socket.writable) socket.write(bytes, () => resolve());
        else resolve();
      }),
  };
}

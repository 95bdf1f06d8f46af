import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { isForeground } from '#common/process/process-stat.js';

/** What the board of a cluster is started with. */
export interface BoardProgramOptions {
  /** The bundled CLI. */
  readonly cli: string;
  readonly kubeconfig: string;
  /** Whose sessions it shows. */
  readonly tokenFile: string;
  /** kubectl, where that of PATH will not do. */
  readonly kubectl?: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** Where its words go: its address, and what its keys do. */
  readonly out: Writable;
}

/** `panelet board` as a program beside the cluster. */
export interface BoardProgram {
  /** As if the keys were pressed there: `o` opens it in a browser. */
  press(keys: string): void;
  /** Ends it. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts the board. It ends with this process, however that ends. */
export function startBoardProgram(options: BoardProgramOptions): BoardProgram {
  const { cli, kubeconfig, tokenFile, kubectl, environment, out } = options;
  const { PATH = '' } = environment;
  const env = { ...environment, PATH: kubectl === undefined ? PATH : `${dirname(kubectl)}:${PATH}` };
  const args = ['board', '--no-open', '--end-with-stdin', '--kubeconfig', kubeconfig, '--token-file', tokenFile];
  // Apart from the terminal: ctrl-C is heard here, and it ends when its input does.
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()));
  child.on('error', (error) => out.write(`The board could not be started: ${error.message}\n`));
  child.stdin.on('error', () => undefined);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => out.write(piece));
  return {
    press: (keys) => void child.stdin.write(keys),
    stop: () => {
      child.stdin.end();
      return gone;
    },
  };
}

const ctrlC = '\x03';

/**
 * Hands keys that are pressed here on to the board, where there is a terminal; ctrl-C calls `end`.
 * @returns a function that puts the terminal back
 */
export function passKeys(
  stdin: Readable & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>,
  board: BoardProgram,
  end: () => void,
): () => void {
  if (stdin.isTTY !== true || !isForeground(process.pid)) return () => undefined;
  const take = (piece: Buffer): void => {
    const keys = piece.toString();
    if (keys.includes(ctrlC)) end();
    else board.press(keys.replace(/[^oa]/g, ''));
  };
  stdin.setRawMode?.(true);
  stdin.on('data', take);
  stdin.resume();
  return () => {
    stdin.off('data', take);
    stdin.pause();
    stdin.setRawMode?.(false);
  };
}

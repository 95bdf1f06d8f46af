import { tmpdir } from 'node:os';
import { createLatch } from '#common/time/latch.js';
import { PaneletError } from '#common/errors/errors.js';
import { isForeground } from '#common/process/process-stat.js';
import { startBoard, type RunningBoard } from '../../board/start-board.js';
import type { CliContext } from '../access/cli-context.js';
import { exitCodeOfStop, exitCodes } from '../io/exit-codes.js';
import type { CliWorld } from '../io/cli-world.js';
import { createBrowserOpener } from './open-browser.js';

/** Flags of `board`. */
export interface BoardFlags {
  readonly port: number;
  readonly open: boolean;
  /** It ends when its standard input does: for whoever starts it as a part of something else. */
  readonly endWithStdin?: boolean;
}

/** What a key does. */
type BoardKey = 'open' | 'address' | 'end';

const ctrlC = '\x03';
const ctrlD = '\x04';
const boardKeys: Readonly<Record<string, BoardKey>> = {
  o: 'open',
  a: 'address',
  q: 'end',
  [ctrlC]: 'end',
  [ctrlD]: 'end',
};

function mayReadKeys({ stdin }: CliWorld): boolean {
  return stdin.isTTY !== true || isForeground(process.pid);
}

/** Calls back for each key, also where they come through a pipe. @returns a function that stops it */
function readKeys({ stdin }: CliWorld, press: (key: BoardKey) => void, ended: () => void): () => void {
  const take = (chunk: Buffer): void => {
    for (const char of chunk.toString()) {
      const key = boardKeys[char];
      if (key !== undefined) press(key);
    }
  };
  stdin.setRawMode?.(true);
  stdin.on('data', take);
  stdin.on('end', ended);
  stdin.on('error', ended);
  stdin.resume();
  return () => {
    stdin.off('data', take);
    stdin.off('end', ended);
    stdin.pause();
    stdin.setRawMode?.(false);
  };
}

/** Where files of this user alone belong, the best first. */
function privateDirectories({ env }: CliWorld): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  return [...(runtime === '' ? [] : [runtime]), tmpdir()];
}

function greeting({ cluster, address }: RunningBoard): string {
  const where = cluster.context === '' ? '' : ` of ${cluster.context}`;
  return `The board${where}, namespace ${cluster.namespace}: ${address}
Keys: o opens it in a browser, a shows an address that lets in once within 60 s, ctrl-C ends it.
`;
}

/**
 * `panelet board`: serves a page of the cluster on this machine until it is stopped. @returns the exit code.
 * @throws CONFIG_INVALID with `--address`: a board is of a cluster
 */
export async function boardCommand(context: CliContext, flags: BoardFlags): Promise<number> {
  const { world } = context;
  if (context.flags.address !== undefined) {
    const message = '--address is of one agent, and a board is of a cluster: give --kubeconfig or --context instead.';
    throw new PaneletError('CONFIG_INVALID', message);
  }
  const ended = createLatch();
  const opener = createBrowserOpener({ clock: world.clock, parents: privateDirectories(world) });
  const pageDirectory = world.boardDirectory;
  const board = await startBoard(context, { port: flags.port, pageDirectory, onKey: () => void opener.forget() });
  const open = async (): Promise<void> => {
    const isOpen = await opener.open(board.freshAddress()).catch(() => false);
    if (!isOpen) world.stderr.write('panelet: no browser could be started; the key a shows an address to go to\n');
  };
  const press = (key: BoardKey): void => {
    if (key === 'open') void open();
    else if (key === 'address') world.stdout.write(`${board.freshAddress()}\n`);
    else ended.resolve();
  };
  const end = (): void => ended.resolve();
  world.stop.addEventListener('abort', end);
  const noMoreKeys = (): void => {
    if (flags.endWithStdin === true) end();
  };
  const stopKeys = mayReadKeys(world) ? readKeys(world, press, noMoreKeys) : (): void => undefined;
  try {
    world.stdout.write(greeting(board));
    if (world.stop.aborted) end();
    if (flags.open) void open();
    await ended.promise;
  } finally {
    stopKeys();
    world.stop.removeEventListener('abort', end);
    await opener.forget();
    await board.close();
  }
  return world.stop.aborted ? exitCodeOfStop(world.stop) : exitCodes.ok.code;
}

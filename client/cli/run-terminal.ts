import type { Clock, Timer } from '#common/clock.js';
import { terminalSize } from '#common/terminal/terminal-size.js';
import type { PaneletSession } from '../panelet-session.js';
import type { CliWorld } from './cli-world.js';
import { showConnection } from './connection-status.js';
import { createDetachKeys, detachKeysText } from './detach-keys.js';
import { readOutput, type SessionOutcome } from './read-output.js';
import { createTerminalView } from './terminal-view.js';

// ctrl-] alone is somebody's key binding; it is passed on when nothing follows for this long.
const prefixTimeoutMs = 800;

/** What `runTerminal` is told at the start. */
export interface TerminalRun {
  readonly session: PaneletSession;
  readonly world: CliWorld;
  /** Line for the user at the start; the detach keys are added. */
  readonly greeting: string;
}

function forwardInput(session: PaneletSession, stdin: CliWorld['stdin'], clock: Clock, detach: () => void): () => void {
  const keys = createDetachKeys();
  let timer: Timer | undefined;
  const send = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    stdin.pause();
    // A session that is over says so where its output is read.
    session.write(bytes).then(
      () => stdin.resume(),
      () => undefined,
    );
  };
  const take = (chunk: Buffer): void => {
    timer?.stop();
    const typed = keys.take(chunk);
    send(typed.bytes);
    if (typed.detach) detach();
    else if (keys.pending) timer = clock.after(prefixTimeoutMs, () => send(keys.release()));
  };
  const end = (): void => detach();
  stdin.on('data', take);
  stdin.on('end', end);
  stdin.resume();
  return () => {
    timer?.stop();
    stdin.off('data', take);
    stdin.off('end', end);
    stdin.pause();
  };
}

/**
 * A session on the user's terminal in raw mode: every key goes to the session except the detach keys, the window's size
 * follows, and gaps show in a status line.
 */
export async function runTerminal({ session, world, greeting }: TerminalRun): Promise<SessionOutcome> {
  const { stdin, stdout, clock } = world;
  let size = terminalSize({ rows: stdout.rows, cols: stdout.columns });
  const view = createTerminalView(stdout, size);
  const detach = (): void => {
    void session.detach();
  };
  const resize = (): void => {
    size = terminalSize({ rows: stdout.rows, cols: stdout.columns }, size);
    view.resize(size);
    session.resize(size);
  };
  stdin.setRawMode?.(true);
  const stopInput = forwardInput(session, stdin, clock, detach);
  const stopStatus = showConnection(session, view, clock);
  stdout.on('resize', resize);
  world.stop.addEventListener('abort', detach);
  try {
    await view.write(`\x1b[2mpanelet: ${greeting} ${detachKeysText} detaches\x1b[0m\r\n`);
    resize();
    return await readOutput(session, {
      data: (item) => view.write(item.payload),
      snapshot: (item) => view.write(item.payload),
      lost: () => view.write('\r\n\x1b[2mpanelet: output is missing here\x1b[0m\r\n'),
    });
  } finally {
    world.stop.removeEventListener('abort', detach);
    stdout.off('resize', resize);
    stopStatus();
    stopInput();
    await view.close();
    stdin.setRawMode?.(false);
  }
}

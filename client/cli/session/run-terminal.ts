import type { Clock, Timer } from '#common/time/clock.js';
import { terminalSize } from '#common/terminal/terminal-size.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { CliWorld } from '../io/cli-world.js';
import { showConnection } from './connection-status.js';
import { createDetachKeys, type DetachKeys, detachKeysText } from '../terminal/detach-keys.js';
import { endOrLeave } from './end-or-leave.js';
import { readOutput, type SessionOutcome } from './read-output.js';
import { silentAddressText } from '../access/silent-address.js';
import { TerminalView } from '../terminal/terminal-view.js';

/** What `runTerminal` is told at the start. */
export interface TerminalRun {
  readonly session: PaneletSession;
  readonly world: CliWorld;
  /** Line for the user at the start; the detach keys and what they do are added. */
  readonly greeting: string;
  /** What happens at the detach keys, when this process is asked to end, and when the terminal has gone. */
  readonly onLeave: 'detach' | 'terminate';
  /** Address of the agent, where it was given. */
  readonly address: string | undefined;
}

interface InputSource {
  readonly stdin: CliWorld['stdin'];
  readonly clock: Clock;
  readonly keys: DetachKeys;
}

function forwardInput(session: PaneletSession, { stdin, clock, keys }: InputSource, detach: () => void): () => void {
  let timer: Timer | undefined;
  let stopped = false;
  const release = (): void => send(keys.release());
  const listen = (): void => {
    timer?.stop();
    // Not while nothing is read: a paste that waits for a session that is away has not ended.
    if (!stopped && keys.releaseAfterMs !== undefined) timer = clock.after(keys.releaseAfterMs, release);
  };
  const send = (bytes: Buffer): void => {
    if (bytes.length === 0) {
      listen();
      return;
    }
    stdin.pause();
    // A session that is over says so where its output is read.
    session.write(bytes).then(
      () => {
        if (stopped) return;
        stdin.resume();
        listen();
      },
      () => undefined,
    );
  };
  const take = (chunk: Buffer): void => {
    timer?.stop();
    const typed = keys.take(chunk);
    send(typed.bytes);
    if (typed.detach) detach();
  };
  const end = (): void => detach();
  stdin.on('data', take);
  stdin.on('end', end);
  stdin.resume();
  return () => {
    stopped = true;
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
export async function runTerminal(run: TerminalRun): Promise<SessionOutcome> {
  const { session, world, greeting, onLeave, address } = run;
  const { stdin, stdout, clock } = world;
  let size = terminalSize({ rows: stdout.rows, cols: stdout.columns });
  const view = new TerminalView(stdout, size);
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
    void (onLeave === 'terminate' ? endOrLeave(session) : session.detach());
  };
  const resize = (): void => {
    size = terminalSize({ rows: stdout.rows, cols: stdout.columns }, size);
    view.resize(size);
    session.resize(size);
  };
  stdin.setRawMode?.(true);
  const keys = createDetachKeys(() => view.isPasteBracketed);
  const stopInput = forwardInput(session, { stdin, clock, keys }, leave);
  const wayOut = `${detachKeysText} ${onLeave === 'terminate' ? 'ends it' : 'detaches'}`;
  const whenUnreachable = silentAddressText(address);
  const stopStatus = showConnection(session, { line: view, clock, whenUnreachable, wayOut });
  stdout.on('resize', resize);
  world.stop.addEventListener('abort', leave);
  try {
    await view.write(`\x1b[2mpanelet: ${greeting} ${wayOut}\x1b[0m\r\n`);
    resize();
    const outcome = await readOutput(session, {
      data: (item) => view.write(item.payload),
      snapshot: (item) => view.write(item.payload),
      lost: () => view.write('\r\n\x1b[2mpanelet: output is missing here\x1b[0m\r\n'),
    });
    // What is closed hangs its program up.
    const isClosed = gone.signal.aborted && onLeave === 'terminate' && outcome.kind === 'ended' && !world.stop.aborted;
    return isClosed ? { kind: 'exited', code: 0, signal: 'SIGHUP' } : outcome;
  } finally {
    world.stop.removeEventListener('abort', leave);
    stdout.off('resize', resize);
    stopStatus();
    stopInput();
    await view.close();
    stdin.setRawMode?.(false);
  }
}

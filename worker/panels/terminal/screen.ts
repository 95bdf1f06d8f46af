import serializeAddon from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import { createEscapeBoundary } from './escape-boundary.js';
import { trackPrivateModes } from './screen-modes.js';

/** What a terminal shows, kept by running its output through a terminal without a window. */
export interface Screen {
  /** Takes output. Interpreted a little later; `snapshot` is exact all the same. */
  write(bytes: Uint8Array): void;
  resize(rows: number, cols: number): void;
  /** Bytes that were taken and not interpreted yet. */
  readonly backlogBytes: number;
  /** Calls back whenever the backlog has become empty. */
  onCaughtUp(callback: () => void): void;
  /** Bytes that repaint the screen on any terminal: content, colours, alternate buffer, cursor, modes, and the backlog. */
  snapshot(): Buffer;
  dispose(): void;
}

/** Media type of a snapshot. */
export const screenContentType = 'text/vnd.panelet.screen';

// Lines above the screen that a snapshot restores.
const scrollbackLines = 500;
// A control sequence that is longer than this (an image, a broken program) is cut all the same.
const maxHeldBytes = 64 * 1024;

/**
 * An empty screen. Not restored by a snapshot: the cursor and colours saved by DECSC or on entering the alternate screen,
 * the background of rows that hold no text, character sets other than the default, tab stops, the window's title,
 * links, images.
 */
export function createScreen(rows: number, cols: number): Screen {
  const terminal = new headless.Terminal({ rows, cols, scrollback: scrollbackLines, allowProposedApi: true });
  const serializer = new serializeAddon.SerializeAddon();
  terminal.loadAddon(serializer);
  const modes = trackPrivateModes(terminal);
  const boundary = createEscapeBoundary();
  const backlog: Buffer[] = [];
  let backlogBytes = 0;
  let held = Buffer.alloc(0);
  let caughtUp = (): void => undefined;
  let disposed = false;

  // Entering the alternate screen fills it with the current background, which is the content's before it.
  const serialize = (): string =>
    serializer.serialize({ scrollback: scrollbackLines }).replace('\x1b[?1049h', '\x1b[0m\x1b[?1049h');
  const feed = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    backlog.push(bytes);
    backlogBytes += bytes.length;
    terminal.write(bytes, () => {
      backlog.shift();
      backlogBytes -= bytes.length;
      if (backlog.length > 0) return;
      if (disposed) terminal.dispose();
      else caughtUp();
    });
  };
  return {
    write: (bytes) => {
      const cut = boundary.push(bytes);
      const all = Buffer.concat([held, bytes]);
      const safe = all.length - (bytes.length - cut);
      const given = cut > 0 ? safe : all.length > maxHeldBytes ? all.length : 0;
      feed(all.subarray(0, given));
      held = all.subarray(given);
    },
    // In order with what was written before.
    resize: (nextRows, nextCols) => terminal.write('', () => terminal.resize(nextCols, nextRows)),
    get backlogBytes() {
      return backlogBytes;
    },
    onCaughtUp: (callback) => {
      caughtUp = callback;
    },
    // Without a write under way, as the interpreter handles whole writes: what it has not called back for is backlog.
    snapshot: () => Buffer.concat([Buffer.from(`\x1bc${serialize()}${modes.restore()}`), ...backlog, held]),
    // What is being interpreted must still find its terminal.
    dispose: () => {
      disposed = true;
      if (backlog.length === 0) terminal.dispose();
    },
  };
}

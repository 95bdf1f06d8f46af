import serializeAddon from '@xterm/addon-serialize';
import { type ControlSequence, createSequenceScanner } from '#common/terminal/control-sequences.js';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import { createTerminalModes } from '#common/terminal/terminal-modes.js';

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
// Held back is what a cut, by a repaint, would make another thing of. A control sequence that is longer than this (an image, a broken program) is cut all the same.
const maxHeldBytes = 64 * 1024;

/**
 * An empty screen. Not restored by a snapshot: the cursor and colours saved by DECSC or on entering the alternate screen,
 * the background of rows that hold no text, shapes and colours of underlines, tab stops, links of text, images.
 */
export function createScreen(rows: number, cols: number): Screen {
  const terminal = createHeadlessTerminal({ rows, cols }, scrollbackLines);
  const serializer = new serializeAddon.SerializeAddon();
  terminal.loadAddon(serializer);
  const modes = createTerminalModes();
  // Complete in what was given to the terminal last.
  let found: ControlSequence[] = [];
  const scanner = createSequenceScanner((sequence) => found.push(sequence));
  const backlog: Buffer[] = [];
  let backlogBytes = 0;
  let held = Buffer.alloc(0);
  let caughtUp = (): void => undefined;
  let disposed = false;

  const repaint = (): string => {
    const text = serializer.serialize({ scrollback: scrollbackLines, excludeModes: true });
    // Entering the alternate screen fills it with the current background, which is the content's before it.
    const screens = text.replace('\x1b[?1049h', `${modes.againOnMain()}\x1b[0m\x1b[?1049h`);
    const { cursorX, cursorY } = terminal.buffer.active;
    return `\x1bc${screens}${modes.again({ row: cursorY + 1, col: cursorX + 1 })}`;
  };
  const feed = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    const sequences = found;
    found = [];
    backlog.push(bytes);
    backlogBytes += bytes.length;
    terminal.write(bytes, () => {
      for (const sequence of sequences) modes.take(sequence);
      backlog.shift();
      backlogBytes -= bytes.length;
      if (backlog.length > 0) return;
      if (disposed) terminal.dispose();
      else caughtUp();
    });
  };
  return {
    write: (bytes) => {
      scanner.push(bytes);
      const all = Buffer.concat([held, bytes]);
      const given = all.length - Math.min(scanner.clusterBytes, all.length);
      const cut = all.length - given > maxHeldBytes ? all.length : given;
      feed(all.subarray(0, cut));
      held = all.subarray(cut);
    },
    // In order with what was written before.
    resize: (nextRows, nextCols) => {
      if (scanner.openBytes === 0) {
        feed(held);
        held = Buffer.alloc(0);
      }
      terminal.write('', () => {
        // Every attachment tells its size; only another one ends the margins.
        if (terminal.rows === nextRows && terminal.cols === nextCols) return;
        terminal.resize(nextCols, nextRows);
        modes.resized();
      });
    },
    get backlogBytes() {
      return backlogBytes;
    },
    onCaughtUp: (callback) => {
      caughtUp = callback;
    },
    // Without a write under way, as the interpreter handles whole writes: what it has not called back for is backlog.
    snapshot: () => Buffer.concat([Buffer.from(repaint()), ...backlog, held]),
    // What is being interpreted must still find its terminal.
    dispose: () => {
      disposed = true;
      if (backlog.length === 0) terminal.dispose();
    },
  };
}

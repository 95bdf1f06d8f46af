import serializeAddon from '@xterm/addon-serialize';
import type { IBuffer, Terminal } from '@xterm/headless';
import { type ControlSequence, createSequenceScanner } from '#common/terminal/control-sequences.js';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import { lastColumn } from '#common/terminal/last-column.js';
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
 * An empty screen. Not restored by a snapshot: the cursor and colours saved by DECSC or on entering the alternate screen (also for a program that leaves it without having entered it),
 * the background of rows that hold no text, shapes and colours of underlines, tab stops, links of text, images.
 */
export function createScreen(rows: number, cols: number): Screen {
  return new InterpretedScreen(rows, cols);
}

class InterpretedScreen implements Screen {
  readonly #terminal: Terminal;
  readonly #serializer = new serializeAddon.SerializeAddon();
  readonly #modes = createTerminalModes();
  readonly #scanner = createSequenceScanner((sequence) => this.#found.push(sequence));
  // Complete in what was given to the terminal last.
  #found: ControlSequence[] = [];
  readonly #backlog: Buffer[] = [];
  #backlogBytes = 0;
  #held = Buffer.alloc(0);
  #caughtUp = (): void => undefined;
  #isDisposed = false;

  constructor(rows: number, cols: number) {
    this.#terminal = createHeadlessTerminal({ rows, cols }, scrollbackLines);
    this.#terminal.loadAddon(this.#serializer);
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  write(bytes: Uint8Array): void {
    this.#scanner.push(bytes);
    const all = Buffer.concat([this.#held, bytes]);
    const given = all.length - Math.min(this.#scanner.clusterBytes, all.length);
    const cut = all.length - given > maxHeldBytes ? all.length : given;
    this.#feed(all.subarray(0, cut));
    this.#held = all.subarray(cut);
  }

  // In order with what was written before.
  resize(rows: number, cols: number): void {
    const terminal = this.#terminal;
    if (this.#scanner.openBytes === 0) {
      this.#feed(this.#held);
      this.#held = Buffer.alloc(0);
    }
    terminal.write('', () => {
      // Every attachment tells its size; only another one ends the margins.
      if (terminal.rows === rows && terminal.cols === cols) return;
      terminal.resize(cols, rows);
      this.#modes.resized();
    });
  }

  onCaughtUp(callback: () => void): void {
    this.#caughtUp = callback;
  }

  // Without a write under way, as the interpreter handles whole writes: what it has not called back for is backlog.
  snapshot(): Buffer {
    return Buffer.concat([Buffer.from(this.#repaint()), ...this.#backlog, this.#held]);
  }

  // What is being interpreted must still find its terminal.
  dispose(): void {
    this.#isDisposed = true;
    if (this.#backlog.length === 0) this.#terminal.dispose();
  }

  #repaint(): string {
    const serialized = this.#serializer.serialize({ scrollback: scrollbackLines, excludeModes: true });
    // After an empty row from which text went on to the next one, it means not to move at all, and a terminal takes 0 for 1.
    const text = serialized.replaceAll('\x1b[0C', '').replaceAll('\x1b[0D', '');
    const { normal, active } = this.#terminal.buffer;
    // Entering the alternate screen fills it with the current background, which is the content's before it.
    const enter = `${place(normal)}${this.#modes.againOnMain()}\x1b[0m\x1b[?1049h`;
    const cursor = { row: active.cursorY + 1, col: active.cursorX + 1, lastColumn: lastColumn(this.#terminal) };
    return `\x1bc${text.replace('\x1b[?1049h', enter)}${place(active)}${this.#modes.again(cursor)}`;
  }

  #feed(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const sequences = this.#found;
    this.#found = [];
    this.#backlog.push(bytes);
    this.#backlogBytes += bytes.length;
    this.#terminal.write(bytes, () => {
      for (const sequence of sequences) this.#modes.take(sequence);
      this.#backlog.shift();
      this.#backlogBytes -= bytes.length;
      if (this.#backlog.length > 0) return;
      if (this.#isDisposed) this.#terminal.dispose();
      else this.#caughtUp();
    });
  }
}

// The text moves the cursor from where it ends by a count that is one too high where its last row is full.
function place({ cursorX, cursorY }: IBuffer): string {
  return `\x1b[${cursorY + 1};${cursorX + 1}H`;
}

import { createSequenceScanner } from '#common/terminal/control-sequences.js';
import { beginTerminal, createTerminalModes } from '#common/terminal/terminal-modes.js';
import type { TerminalSize } from '#common/terminal/terminal-size.js';
import type { CliWorld } from '../io/cli-world.js';
import { writeOn } from '../io/write-on.js';
import { createScreenModel } from './screen-model.js';

/** The user's terminal: what a program draws, and a status line that leaves nothing behind. */
export interface TerminalView {
  /** Draws output of the program. Resolves when the terminal takes more. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Shows a text in the bottom row, in place of the one before. */
  show(text: string): void;
  /** The program has asked for pastes in brackets. */
  readonly isPasteBracketed: boolean;
  /** Takes the text away and restores what it covered. */
  clear(): void;
  /** The window has another size. */
  resize(size: TerminalSize): void;
  /** Leaves the terminal as a shell expects it, with the cursor below what is drawn. */
  close(): Promise<void>;
}

/** A view that starts with an empty screen; what was on it moves up into the scrollback. */
export function createTerminalView(out: CliWorld['stdout'], atFirst: TerminalSize): TerminalView {
  let size = atFirst;
  const rows = (): number => size.rows;
  const model = createScreenModel(size);
  const modes = createTerminalModes();
  // While a sequence or a character is open nothing else may be drawn.
  const scanner = createSequenceScanner((sequence) => modes.take(sequence));
  let queue = Promise.resolve();
  let shown = '';
  // One after the other: a row is restored from the model only when both have seen the same bytes.
  const run = (task: () => Promise<void>): Promise<void> => (queue = queue.then(task));
  const put = (text: string): boolean => out.write(text);
  const draw = (row: string): void => {
    put(modes.aside(`\x1b[${rows()};1H\x1b[0m\x1b[2K${row}`));
  };
  const drawStatus = (): void => {
    if (shown === '' || scanner.openBytes > 0) return;
    draw(`\x1b[7m ${shown.slice(0, Math.max(0, size.cols - 2))} \x1b[0m`);
  };
  const restore = async (): Promise<void> => {
    if (scanner.openBytes === 0) draw(await model.bottomRow());
  };
  put(`${beginTerminal}${'\n'.repeat(rows())}\x1b[H`);
  return {
    write: (bytes) =>
      run(async () => {
        if (bytes.length === 0) return;
        if (shown !== '') await restore();
        const raw =
          typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        scanner.push(raw);
        model.write(raw);
        await writeOn(out, raw);
        drawStatus();
      }),
    show: (text) =>
      void run(() => {
        shown = text;
        drawStatus();
        return Promise.resolve();
      }),
    clear: () =>
      void run(async () => {
        if (shown === '') return;
        shown = '';
        await restore();
      }),
    resize: (next) => {
      // Only another size ends the margins.
      if (next.rows === size.rows && next.cols === size.cols) return;
      size = next;
      model.resize(size);
      modes.resized();
    },
    get isPasteBracketed() {
      return modes.isPasteBracketed;
    },
    close: () =>
      run(async () => {
        if (shown !== '') await restore();
        shown = '';
        // CAN ends a sequence that the program has begun.
        const putBack = (scanner.openBytes > 0 ? '\x18' : '') + modes.putBack(size);
        model.write(Buffer.from(putBack));
        const row = await model.freeRow();
        const below = row < rows() ? `\x1b[${row + 1};1H` : `\x1b[${rows()};1H\r\n`;
        put(`${putBack}${below}`);
        model.dispose();
      }),
  };
}

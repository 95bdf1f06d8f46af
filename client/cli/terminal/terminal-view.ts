import { createSequenceScanner } from '#common/terminal/control-sequences.js';
import { beginTerminal, createTerminalModes } from '#common/terminal/terminal-modes.js';
import type { TerminalSize } from '#common/terminal/terminal-size.js';
import type { CliWorld } from '../io/cli-world.js';
import { writeOn } from '../io/write-on.js';
import { createScreenModel, type ScreenModel } from './screen-model.js';

/**
 * The user's terminal: what a program draws, and a status line that leaves nothing behind. It starts with an empty screen; what
 * was on it moves up into the scrollback.
 */
export class TerminalView {
  readonly #out: CliWorld['stdout'];
  readonly #model: ScreenModel;
  readonly #modes = createTerminalModes();
  /** While a sequence or a character is open nothing else may be drawn. */
  readonly #scanner = createSequenceScanner((sequence) => this.#modes.take(sequence));
  #size: TerminalSize;
  #queue = Promise.resolve();
  /** Text of the status line; empty when there is none. */
  #shown = '';

  /** @param size of the window now */
  constructor(out: CliWorld['stdout'], size: TerminalSize) {
    this.#out = out;
    this.#size = size;
    this.#model = createScreenModel(size);
    out.write(`${beginTerminal}${'\n'.repeat(size.rows)}\x1b[H`);
  }

  /** The program has asked for pastes in brackets. */
  get isPasteBracketed(): boolean {
    return this.#modes.isPasteBracketed;
  }

  /** Draws output of the program. Resolves when the terminal takes more. */
  write(bytes: Uint8Array | string): Promise<void> {
    return this.#run(async () => {
      if (bytes.length === 0) return;
      if (this.#shown !== '') await this.#restoreRow();
      const raw =
        typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      this.#scanner.push(raw);
      this.#model.write(raw);
      await writeOn(this.#out, raw);
      this.#drawStatus();
    });
  }

  /** Shows a text in the bottom row, in place of the one before. */
  show(text: string): void {
    void this.#run(() => {
      this.#shown = text;
      this.#drawStatus();
      return Promise.resolve();
    });
  }

  /** Takes the text away and restores what it covered. */
  clear(): void {
    void this.#run(async () => {
      if (this.#shown === '') return;
      this.#shown = '';
      await this.#restoreRow();
    });
  }

  /** The window has another size. */
  resize(next: TerminalSize): void {
    // Only another size ends the margins.
    if (next.rows === this.#size.rows && next.cols === this.#size.cols) return;
    this.#size = next;
    this.#model.resize(next);
    this.#modes.resized();
  }

  /** Leaves the terminal as a shell expects it, with the cursor below what is drawn. */
  close(): Promise<void> {
    return this.#run(async () => {
      if (this.#shown !== '') await this.#restoreRow();
      this.#shown = '';
      // CAN ends a sequence that the program has begun.
      const putBack = (this.#scanner.openBytes > 0 ? '\x18' : '') + this.#modes.putBack(this.#size);
      this.#model.write(Buffer.from(putBack));
      const row = await this.#model.freeRow();
      const { rows } = this.#size;
      const below = row < rows ? `\x1b[${row + 1};1H` : `\x1b[${rows};1H\r\n`;
      this.#out.write(`${putBack}${below}`);
      this.#model.dispose();
    });
  }

  /** One after the other: a row is restored from the model only when both have seen the same bytes. */
  #run(task: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(task);
    return this.#queue;
  }

  #drawStatus(): void {
    if (this.#shown === '' || this.#scanner.openBytes > 0) return;
    this.#drawRow(`\x1b[7m ${this.#shown.slice(0, Math.max(0, this.#size.cols - 2))} \x1b[0m`);
  }

  async #restoreRow(): Promise<void> {
    if (this.#scanner.openBytes === 0) this.#drawRow(await this.#model.bottomRow());
  }

  #drawRow(row: string): void {
    this.#out.write(this.#modes.aside(`\x1b[${this.#size.rows};1H\x1b[0m\x1b[2K${row}`));
  }
}

import { isAlternateScreen } from './alternate-screen.js';
import type { ControlSequence } from './control-sequences.js';
import {
  isCsi,
  numbersOf,
  switchesOf,
  type RepaintedScreen,
  type StateRow,
  type Switches,
  type TerminalPlace,
  type TrackedState,
} from './tracked-state.js';

/** Margins above, below, left and right (DECSTBM, DECLRMM, DECSLRM), and whether positions count from them (DECOM). */
export const marginsRow: StateRow & { create(): Margins } = { name: 'margins and origin', create: trackMargins };

/** Margins, and whether positions count from them. */
export interface Margins extends TrackedState {
  readonly hasOrigin: boolean;
  /** Sequences that set those of the main screen; for the moment before the alternate one is entered. */
  againOnMain(): string;
  /** The window has another size, which ends the margins of both screens. */
  resized(): void;
}

interface Span {
  readonly first: number;
  /** 0 is the last row or column of the window. */
  readonly last: number;
}

const whole: Span = { first: 1, last: 0 };

function spanOf(params: string): Span {
  const [first = 0, last = 0] = numbersOf(params);
  return { first: Math.max(first, 1), last };
}

const isWhole = (span: Span | undefined): boolean => span === undefined || (span.first === 1 && span.last === 0);
const textOf = (span: Span | undefined): string => `${span?.first ?? 1};${span?.last === 0 ? '' : (span?.last ?? '')}`;

// Margins that hold no line are ignored by terminals.
function accepted(params: string, before: Span | undefined): Span | undefined {
  const span = spanOf(params);
  return span.last !== 0 && span.last <= span.first ? before : span;
}

function rowsAgain(rows: Span | undefined): string {
  if (rows === undefined) return '';
  return isWhole(rows) ? '\x1b[r' : `\x1b[${textOf(rows)}r`;
}

// Each of these moves the cursor.
const aroundCursor = (margins: string): string => (margins === '' ? '' : `\x1b7${margins}\x1b8`);

function trackMargins(): Margins {
  return new TrackedMargins();
}

class TrackedMargins implements Margins {
  /**
   * Rows by screen, undefined where the program set none there. xterm.js keeps them for each screen, others for both
   * together: what is set again on the screen where the program set it is right on either.
   */
  #onMain: Span | undefined;
  #onAlternate: Span | undefined;
  #isAlternate = false;
  #cols: Span | undefined;
  #hasLeftRight = false;
  #hasOrigin = false;
  // Terminals differ in whether it comes back with the cursor.
  #originWasSet = false;
  readonly #savedOrigins = new Map<boolean, boolean>();

  get hasOrigin(): boolean {
    return this.#hasOrigin;
  }

  take(sequence: ControlSequence, place: TerminalPlace): void {
    if (place.cursor === 'save') this.#savedOrigins.set(place.alternate, this.#hasOrigin);
    if (place.cursor === 'restore') this.#hasOrigin = this.#savedOrigins.get(place.alternate) ?? false;
    if (isCsi(sequence, 'r')) this.#setRows(accepted(sequence.params, this.#rows));
    if (isCsi(sequence, 's') && this.#hasLeftRight) this.#cols = accepted(sequence.params, this.#cols);
    const switches = switchesOf(sequence);
    if (switches) this.#switch(switches);
  }

  againOnMain(): string {
    return this.#isAlternate ? aroundCursor(rowsAgain(this.#onMain)) : '';
  }

  again({ row, col, lastColumn }: RepaintedScreen): string {
    const horizontal = this.#hasLeftRight ? `\x1b[?69h${isWhole(this.#cols) ? '' : `\x1b[${textOf(this.#cols)}s`}` : '';
    const margins = rowsAgain(this.#rows) + horizontal;
    if (!this.#hasOrigin && lastColumn === undefined) return aroundCursor(margins);
    const top = this.#hasOrigin ? (this.#rows?.first ?? 1) : 1;
    const left = this.#hasOrigin ? (this.#cols?.first ?? 1) : 1;
    const place = `\x1b[${Math.max(row - top + 1, 1)};${Math.max((lastColumn?.col ?? col) - left + 1, 1)}H`;
    return `${margins}${this.#hasOrigin ? '\x1b[?6h' : ''}${place}${lastColumn?.text ?? ''}`;
  }

  back(): string {
    const isLeft = this.#onMain !== undefined || !isWhole(this.#onAlternate);
    return `${this.#originWasSet ? '\x1b[?6l' : ''}${this.#hasLeftRight ? '\x1b[?69l' : ''}${isLeft ? '\x1b[r' : ''}`;
  }

  soften(): void {
    this.#setRows(whole);
    this.#cols = undefined;
    this.#hasLeftRight = false;
    this.#hasOrigin = false;
    this.#savedOrigins.clear();
  }

  resized(): void {
    this.#onMain = undefined;
    this.#onAlternate = undefined;
  }

  get #rows(): Span | undefined {
    return this.#isAlternate ? this.#onAlternate : this.#onMain;
  }

  #setRows(rows: Span | undefined): void {
    if (!this.#isAlternate) this.#onMain = isWhole(rows) ? undefined : rows;
    // Whole because the program said so differs from untouched only where the main screen has margins.
    else this.#onAlternate = isWhole(rows) && this.#onMain === undefined ? undefined : rows;
  }

  #switch({ on, numbers }: Switches): void {
    if (numbers.includes(6)) {
      this.#hasOrigin = on;
      this.#originWasSet ||= on;
    }
    if (numbers.includes(69)) {
      this.#hasLeftRight = on;
      this.#cols = undefined;
    }
    if (!numbers.some(isAlternateScreen)) return;
    if (on && !this.#isAlternate) this.#onAlternate = undefined;
    this.#isAlternate = on;
  }
}

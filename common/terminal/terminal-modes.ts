import { type AlternateScreen, alternateScreenRow, isAlternateScreen } from './alternate-screen.js';
import { charsetsRow } from './charsets.js';
import { coloursRow } from './colours.js';
import type { ControlSequence } from './control-sequences.js';
import { keyEncodingsRow, keypadRow } from './key-encodings.js';
import { type Margins, marginsRow } from './margins.js';
import {
  answersRow,
  cursorStyleRow,
  hyperlinkRow,
  penRow,
  pointerShapeRow,
  progressRow,
  tabStopsRow,
} from './small-states.js';
import { insertModeName, saveOwnModes, switchedModes, switchedRow } from './switched-modes.js';
import {
  isCsi,
  isCursorMode,
  isEscape,
  switchesOf,
  type RepaintedScreen,
  type StateRow,
  type TrackedState,
} from './tracked-state.js';
import { saveTitle, windowTitleRow } from './window-title.js';

/** Everything that a program can leave changed on a terminal, in the order in which it is put back. */
export const terminalStates: readonly StateRow[] = [
  ...switchedModes.slice(0, 1).map(switchedRow),
  alternateScreenRow,
  ...switchedModes.slice(1).map(switchedRow),
  keypadRow,
  keyEncodingsRow,
  charsetsRow,
  cursorStyleRow,
  hyperlinkRow,
  pointerShapeRow,
  progressRow,
  answersRow,
  penRow,
  // Put back before the tab stops, whose columns would count from them; set again before modes that change what is written.
  marginsRow,
  tabStopsRow,
  coloursRow,
  windowTitleRow,
];

/** For a terminal that a program is about to use: saves what `putBack` restores. */
export const beginTerminal = saveOwnModes + saveTitle;

/** What a program has changed on its terminal. */
export interface TerminalModes {
  /** Looks at a sequence that the program sent. */
  take(sequence: ControlSequence): void;
  /** The window has another size, which ends the margins. */
  resized(): void;
  readonly isPasteBracketed: boolean;
  readonly isAlternate: boolean;
  /** For a repaint, before it enters the alternate screen. */
  againOnMain(): string;
  /** For a repaint, after the text: sets everything on a terminal that was reset. Leaves the cursor where it is. */
  again(screen: RepaintedScreen): string;
  /**
   * Wraps what is drawn by somebody else, at places from the corner of the window, so that it looks as it is meant, and
   * so that the program finds its modes and its cursor as they were. Its saved cursor is lost.
   */
  aside(drawing: string): string;
  /** Leaves the terminal as a shell expects it, the cursor anywhere. */
  putBack(size: { readonly cols: number }): string;
}

// What draws and moves, and changes nothing that stays: most sequences by far.
const drawing = new Set('@ABCDEFGHIJKLMPSTXZ`abdefmn');

/** Follows the modes of a terminal that starts as a shell expects it. */
export function createTerminalModes(): TerminalModes {
  return new FollowedModes();
}

class FollowedModes implements TerminalModes {
  #states = new Map<StateRow, TrackedState>(terminalStates.map((row) => [row, row.create()]));
  #isAlternate = false;
  #isPasteBracketed = false;
  /** True while CSI s sets margins, and saves no cursor. */
  #hasLeftRight = false;

  get isPasteBracketed(): boolean {
    return this.#isPasteBracketed;
  }

  get isAlternate(): boolean {
    return this.#isAlternate;
  }

  take(sequence: ControlSequence): void {
    if (sequence.kind === 'csi' && sequence.prefix === '' && drawing.has(sequence.final)) return;
    if (isEscape(sequence, 'c')) {
      this.#reset();
      return;
    }
    if (isCsi(sequence, '!p')) for (const state of this.#states.values()) state.soften?.();
    const cursor = this.#cursorOf(sequence);
    const before = this.#isAlternate;
    this.#follow(sequence);
    // 1049 saves the cursor of the main screen before it leaves it, and restores it when it is back there.
    const place = { alternate: cursor === undefined ? this.#isAlternate : before && this.#isAlternate, cursor };
    for (const state of this.#states.values()) state.take(sequence, place);
  }

  resized(): void {
    (this.#states.get(marginsRow) as Margins).resized();
  }

  againOnMain(): string {
    const screens = this.#states.get(alternateScreenRow) as AlternateScreen;
    const margins = this.#states.get(marginsRow) as Margins;
    return margins.againOnMain() + screens.againOnMain();
  }

  again(screen: RepaintedScreen): string {
    return [...this.#states.values()]
      .map((state) => state.again(screen))
      .reverse()
      .join('');
  }

  aside(drawing: string): string {
    const origin = (this.#states.get(marginsRow) as Margins).hasOrigin;
    const others = [...this.#states].filter(([row]) => isAsideRow(row)).map(([, state]) => state);
    const before = others.map((state) => state.back({ cols: 0 })).join('');
    const after = others.map((state) => state.again({ row: 1, col: 1 })).join('');
    return `\x1b7${origin ? '\x1b[?6l' : ''}${before}${drawing}${after}${origin ? '\x1b[?6h' : ''}\x1b8`;
  }

  putBack(size: { readonly cols: number }): string {
    return [...this.#states.values()].map((state) => state.back(size)).join('');
  }

  #reset(): void {
    const again = (row: StateRow, state: TrackedState): TrackedState =>
      row.outlivesReset === true ? state : row.create();
    this.#states = new Map([...this.#states].map(([row, state]) => [row, again(row, state)]));
    this.#isAlternate = false;
    this.#isPasteBracketed = false;
    this.#hasLeftRight = false;
  }

  #cursorOf(sequence: ControlSequence): 'save' | 'restore' | undefined {
    if (isEscape(sequence, '7') || (isCsi(sequence, 's') && !this.#hasLeftRight)) return 'save';
    if (isEscape(sequence, '8') || isCsi(sequence, 'u')) return 'restore';
    const switches = switchesOf(sequence);
    if (switches?.numbers.some(isCursorMode) !== true) return undefined;
    return switches.on ? 'save' : 'restore';
  }

  #follow(sequence: ControlSequence): void {
    const { on = false, numbers = [] } = switchesOf(sequence) ?? {};
    if (numbers.some(isAlternateScreen)) this.#isAlternate = on;
    if (numbers.includes(2004)) this.#isPasteBracketed = on;
    if (numbers.includes(69)) this.#hasLeftRight = on;
  }
}

// What changes the looks of what is drawn.
function isAsideRow(row: StateRow): boolean {
  return row === charsetsRow || row === hyperlinkRow || row.name === insertModeName;
}

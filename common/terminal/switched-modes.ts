import type { ControlSequence } from './control-sequences.js';
import { isCsi, numbersOf, type StateRow, type TrackedState } from './tracked-state.js';

/** A mode that is switched by `CSI ? number h` and `l` (DECSET), or without the `?` (SM). */
export interface SwitchedMode {
  readonly name: string;
  readonly number: number;
  /** Set by SM. @default false: by DECSET */
  readonly ansi?: boolean;
  /**
   * How a terminal starts. `own`: each in its own way, or as its user has set it. Such a mode is put back by XTRESTORE,
   * where the terminal has it; where not, it is switched off, or on for `own, on`.
   */
  readonly initially: 'on' | 'off' | 'own' | 'own, on';
  /** Numbers of modes of which one at most is on: setting one resets the others, resetting one resets all. */
  readonly group?: readonly number[];
  /** DECSTR switches it to how it is initially. */
  readonly soft?: boolean;
  /** False where a repaint leaves it alone. @default true */
  readonly repainted?: boolean;
}

/** Name of the mode in which what is written moves the rest of its row. */
export const insertModeName = 'insert (IRM)';

const reports = [9, 1000, 1001, 1002, 1003];
const encodings = [1005, 1006, 1015, 1016];

/**
 * Modes of xterm (invisible-island.net/xterm/ctlseqs), and those of kitty, foot, Ghostty, contour and Windows Terminal.
 * The origin, margins, the keypad and the alternate screen are states of their own.
 */
export const switchedModes: readonly SwitchedMode[] = [
  // First when they are put back: nothing shows before the one is off, and the other clears the screen.
  { name: 'synchronized output', number: 2026, initially: 'off' },
  // A repaint goes to a window that has the size of the program's: 132 columns come from there.
  { name: '132 columns (DECCOLM)', number: 3, initially: 'off', repainted: false },
  { name: '132 columns allowed', number: 40, initially: 'off' },
  { name: 'cursor keys of applications (DECCKM)', number: 1, initially: 'off', soft: true },
  { name: 'reverse video (DECSCNM)', number: 5, initially: 'off' },
  { name: 'autowrap (DECAWM)', number: 7, initially: 'on', soft: true },
  { name: 'keys repeat (DECARM)', number: 8, initially: 'on' },
  { name: 'blinking cursor', number: 12, initially: 'own' },
  { name: 'cursor shown (DECTCEM)', number: 25, initially: 'on', soft: true },
  { name: 'reverse wraparound', number: 45, initially: 'off', soft: true },
  { name: 'backspace key sends BS (DECBKM)', number: 67, initially: 'own' },
  { name: 'sixel display (DECSDM)', number: 80, initially: 'off' },
  { name: 'columns switched without clearing (DECNCSM)', number: 95, initially: 'off' },
  { name: 'mouse: presses', number: 9, initially: 'off', group: reports },
  { name: 'mouse: presses and releases', number: 1000, initially: 'off', group: reports },
  { name: 'mouse: highlighting', number: 1001, initially: 'off', group: reports },
  { name: 'mouse: drags', number: 1002, initially: 'off', group: reports },
  { name: 'mouse: every movement', number: 1003, initially: 'off', group: reports },
  { name: 'focus reports', number: 1004, initially: 'off' },
  { name: 'mouse positions in UTF-8', number: 1005, initially: 'off', group: encodings },
  { name: 'mouse positions in SGR', number: 1006, initially: 'off', group: encodings },
  { name: 'wheel moves the cursor on the alternate screen', number: 1007, initially: 'own' },
  { name: 'output scrolls to the bottom', number: 1010, initially: 'own' },
  { name: 'a key scrolls to the bottom', number: 1011, initially: 'own, on' },
  { name: 'mouse positions of urxvt', number: 1015, initially: 'off', group: encodings },
  { name: 'mouse positions in pixels', number: 1016, initially: 'off', group: encodings },
  { name: 'meta sets the eighth bit', number: 1034, initially: 'own' },
  { name: 'special modifiers, num lock', number: 1035, initially: 'own, on' },
  { name: 'meta sends ESC', number: 1036, initially: 'own, on' },
  { name: 'delete key sends DEL', number: 1037, initially: 'own' },
  { name: 'alt sends ESC', number: 1039, initially: 'own, on' },
  { name: 'selection is kept', number: 1040, initially: 'own' },
  { name: 'selection goes to the clipboard', number: 1041, initially: 'own' },
  { name: 'bell is urgent', number: 1042, initially: 'own' },
  { name: 'bell raises the window', number: 1043, initially: 'own' },
  { name: 'function keys of terminfo', number: 1050, initially: 'off' },
  { name: 'function keys of Sun', number: 1051, initially: 'off' },
  { name: 'function keys of HP', number: 1052, initially: 'off' },
  { name: 'function keys of SCO', number: 1053, initially: 'off' },
  { name: 'keyboard of old xterms', number: 1060, initially: 'off' },
  { name: 'keyboard of the VT220', number: 1061, initially: 'off' },
  { name: 'bracketed paste', number: 2004, initially: 'off' },
  { name: 'cells are grapheme clusters', number: 2027, initially: 'own' },
  { name: 'reports of a dark or light palette', number: 2031, initially: 'off' },
  { name: 'reports of the size in band', number: 2048, initially: 'off' },
  { name: 'reports of pastes by MIME type', number: 5522, initially: 'off' },
  { name: 'cursor to the right of sixels', number: 8452, initially: 'off' },
  { name: 'keys as Win32 input records', number: 9001, initially: 'off' },
  { name: 'keyboard locked (KAM)', number: 2, ansi: true, initially: 'off', soft: true },
  { name: insertModeName, number: 4, ansi: true, initially: 'off', soft: true },
  { name: 'no local echo (SRM)', number: 12, ansi: true, initially: 'on' },
  { name: 'new line (LNM)', number: 20, ansi: true, initially: 'off' },
];

/** Saves the modes that each terminal starts in its own way (XTSAVE), for `back` to restore. */
export const saveOwnModes = `\x1b[?${switchedModes
  .filter((mode) => mode.initially.startsWith('own'))
  .map((mode) => mode.number)
  .join(';')}s`;

/** The sequence that switches a mode. */
export function switchMode(mode: SwitchedMode, on: boolean): string {
  return `\x1b[${mode.ansi === true ? '' : '?'}${mode.number}${on ? 'h' : 'l'}`;
}

/** A row for a mode. */
export function switchedRow(mode: SwitchedMode): StateRow {
  return { name: mode.name, create: () => trackMode(mode) };
}

function trackMode(mode: SwitchedMode): TrackedState {
  const isOwn = mode.initially.startsWith('own');
  const initially = mode.initially.endsWith('on');
  // Undefined while the program has left it alone.
  let on: boolean | undefined;
  let saved: boolean | undefined;
  const prefix = mode.ansi === true ? '' : '?';

  const take = (sequence: ControlSequence): void => {
    const isSet = isCsi(sequence, `${prefix}h`);
    if (isSet || isCsi(sequence, `${prefix}l`)) {
      for (const number of numbersOf(sequence.params)) {
        if (number === mode.number) on = isSet;
        else if (on === true && mode.group?.includes(number) === true) on = false;
      }
    }
    if (mode.ansi === true) return;
    if (isCsi(sequence, '?s') && numbersOf(sequence.params).includes(mode.number)) saved = on;
    if (isCsi(sequence, '?r') && numbersOf(sequence.params).includes(mode.number)) on = saved ?? on;
  };
  return {
    take,
    again: () => {
      const isNeeded = on !== undefined && (isOwn || on !== initially) && mode.repainted !== false;
      return isNeeded ? switchMode(mode, on === true) : '';
    },
    back: () => {
      if (on === undefined || (!isOwn && on === initially)) return '';
      return switchMode(mode, initially) + (isOwn ? `\x1b[?${mode.number}r` : '');
    },
    soften: () => {
      if (mode.soft === true && on !== undefined) on = initially;
    },
  };
}

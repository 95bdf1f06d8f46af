import type { ControlSequence } from './control-sequences.js';
import type { LastColumn } from './last-column.js';

/** Where a sequence finds the terminal. */
export interface TerminalPlace {
  /** The alternate screen is shown. */
  readonly alternate: boolean;
  /** What happens to the saved cursor, and to the modes that are saved with it. */
  readonly cursor: 'save' | 'restore' | undefined;
}

/** What `again` needs to know. */
export interface RepaintedScreen {
  /** Where the cursor is, from 1. */
  readonly row: number;
  readonly col: number;
  /** Where it is behind the last column, so that the next character goes to a new row. */
  readonly lastColumn?: LastColumn | undefined;
}

/** Something of a terminal that a program changes and that stays changed when the program is gone. */
export interface TrackedState {
  /** Looks at a sequence that the program sent. */
  take(sequence: ControlSequence, place: TerminalPlace): void;
  /** Sequences that make it so again on a terminal that was reset. Empty where that is what a reset does. */
  again(screen: RepaintedScreen): string;
  /** Sequences that put it back to what a shell expects. Empty where the program has left it alone. */
  back(size: { readonly cols: number }): string;
  /** The program has reset the terminal softly (DECSTR). @default nothing changes */
  soften?(): void;
}

/** A row of the table of states. */
export interface StateRow {
  /** What it is, for people. */
  readonly name: string;
  /** One that the program has not touched. */
  create(): TrackedState;
  /** True where a full reset (RIS) may leave it on a terminal, so that it is put back all the same. @default false */
  readonly outlivesReset?: boolean;
}

/** The parameters of a CSI sequence as numbers; 0 where one is left out. */
export function numbersOf(params: string): number[] {
  return params.split(';').map((param) => Number.parseInt(param, 10) || 0);
}

/** Modes that are switched, by their numbers. */
export interface Switches {
  readonly on: boolean;
  readonly numbers: readonly number[];
}

/** What `CSI ? … h` (DECSET) or `CSI ? … l` (DECRST) switches; undefined for another sequence. */
export function switchesOf(sequence: ControlSequence): Switches | undefined {
  if (sequence.kind !== 'csi' || sequence.prefix !== '?' || sequence.intermediates !== '') return undefined;
  if (sequence.final !== 'h' && sequence.final !== 'l') return undefined;
  return { on: sequence.final === 'h', numbers: numbersOf(sequence.params) };
}

/** True for a CSI sequence of this prefix, intermediates and final, written one after the other: `?h`, ` q`, `>m`. */
export function isCsi(
  sequence: ControlSequence,
  shape: string,
): sequence is Extract<ControlSequence, { readonly kind: 'csi' }> {
  return sequence.kind === 'csi' && sequence.prefix + sequence.intermediates + sequence.final === shape;
}

/** True for an escape sequence of these intermediates and this final: `=`, `(B`. */
export function isEscape(sequence: ControlSequence, shape: string): boolean {
  return sequence.kind === 'escape' && sequence.intermediates + sequence.final === shape;
}

/** True for the numbers of modes that save the cursor where they are set, and restore it where they are reset. */
export function isCursorMode(mode: number | number[]): boolean {
  return mode === 1048 || mode === 1049;
}

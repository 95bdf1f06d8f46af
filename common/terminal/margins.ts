import { isCsi, numbersOf, switchesOf, type StateRow, type TrackedState } from './tracked-state.js';

/** Margins above, below, left and right (DECSTBM, DECLRMM, DECSLRM), and whether positions count from them (DECOM). */
export const marginsRow: StateRow & { create(): Margins } = { name: 'margins and origin', create: trackMargins };

/** Margins, and whether positions count from them. */
export interface Margins extends TrackedState {
  readonly hasOrigin: boolean;
}

interface Span {
  readonly first: number;
  /** 0 is the last row or column of the window. */
  readonly last: number;
}

function spanOf(params: string): Span | undefined {
  const [first = 0, last = 0] = numbersOf(params);
  return { first: Math.max(first, 1), last };
}

const isWhole = (span: Span | undefined): boolean => span === undefined || (span.first === 1 && span.last === 0);
const textOf = (span: Span | undefined): string => `${span?.first ?? 1};${span?.last === 0 ? '' : (span?.last ?? '')}`;

function trackMargins(): Margins {
  let rows: Span | undefined;
  let cols: Span | undefined;
  let leftRight = false;
  let origin = false;
  // Terminals differ in whether it comes back with the cursor.
  let originWasSet = false;
  const savedOrigins = new Map<boolean, boolean>();

  const clear = (): void => {
    rows = undefined;
    cols = undefined;
    leftRight = false;
    origin = false;
  };
  const accept = (params: string, before: Span | undefined): Span | undefined => {
    const span = spanOf(params);
    return span !== undefined && span.last !== 0 && span.last <= span.first ? before : span;
  };
  return {
    take: (sequence, place) => {
      if (place.cursor === 'save') savedOrigins.set(place.alternate, origin);
      if (place.cursor === 'restore') origin = savedOrigins.get(place.alternate) ?? false;
      if (isCsi(sequence, 'r')) rows = accept(sequence.params, rows);
      if (isCsi(sequence, 's') && leftRight) cols = accept(sequence.params, cols);
      const switches = switchesOf(sequence);
      if (switches?.numbers.includes(6) === true) {
        origin = switches.on;
        originWasSet ||= origin;
      }
      if (switches?.numbers.includes(69) !== true) return;
      leftRight = switches.on;
      cols = undefined;
    },
    // Each of these moves the cursor.
    again: ({ row, col }) => {
      const vertical = isWhole(rows) ? '' : `\x1b[${textOf(rows)}r`;
      const horizontal = leftRight ? `\x1b[?69h${isWhole(cols) ? '' : `\x1b[${textOf(cols)}s`}` : '';
      const margins = vertical + horizontal;
      if (!origin) return margins === '' ? '' : `\x1b7${margins}\x1b8`;
      const top = rows?.first ?? 1;
      const left = cols?.first ?? 1;
      return `${margins}\x1b[?6h\x1b[${Math.max(row - top + 1, 1)};${Math.max(col - left + 1, 1)}H`;
    },
    back: () => `${originWasSet ? '\x1b[?6l' : ''}${leftRight ? '\x1b[?69l' : ''}${isWhole(rows) ? '' : '\x1b[r'}`,
    soften: clear,
    get hasOrigin() {
      return origin;
    },
  };
}

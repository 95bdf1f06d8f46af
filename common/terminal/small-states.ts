import { isCsi, isEscape, type StateRow, type TrackedState } from './tracked-state.js';

/** A state that is what was said last, and how it is put back. */
interface LastWord {
  /** @returns the sequence that says it again, '' for what a terminal starts with, undefined where nothing is said */
  readonly hears: (sequence: Parameters<TrackedState['take']>[0]) => string | undefined;
  readonly back: string;
}

function lastWord(name: string, { hears, back }: LastWord): StateRow {
  const create = (): TrackedState => {
    let said = '';
    return {
      take: (sequence) => {
        said = hears(sequence) ?? said;
      },
      again: () => said,
      back: () => (said === '' ? '' : back),
    };
  };
  return { name, create };
}

const maxText = 4096;
function oscThat(number: number, isInitial: (text: string) => boolean): LastWord['hears'] {
  return (sequence) => {
    if (sequence.kind !== 'osc' || sequence.number !== number || sequence.text.length > maxText) return undefined;
    return isInitial(sequence.text) ? '' : `\x1b]${number};${sequence.text}\x1b\\`;
  };
}

/** The cursor's shape (DECSCUSR). */
export const cursorStyleRow = lastWord('cursor style', {
  hears: (sequence) => {
    if (!isCsi(sequence, ' q')) return undefined;
    return sequence.params === '' || sequence.params === '0' ? '' : `\x1b[${sequence.params} q`;
  },
  back: '\x1b[0 q',
});

/** A hyperlink that is open (OSC 8). */
export const hyperlinkRow = lastWord('hyperlink', {
  hears: oscThat(8, (text) => text === '' || text.endsWith(';')),
  back: '\x1b]8;;\x1b\\',
});

/** The shape of the mouse pointer (OSC 22). */
export const pointerShapeRow = lastWord('pointer shape', {
  hears: oscThat(22, (text) => text === ''),
  back: '\x1b]22;\x1b\\',
});

/** A progress bar (OSC 9 ; 4); other texts of OSC 9 are notifications. */
export const progressRow = lastWord('progress', {
  hears: (sequence) => {
    if (sequence.kind !== 'osc' || sequence.number !== 9 || !/^4;\d[\d;]*$/.test(sequence.text)) return undefined;
    return sequence.text.startsWith('4;0') ? '' : `\x1b]9;${sequence.text}\x1b\\`;
  },
  back: '\x1b]9;4;0\x1b\\',
});

/** Answers with control characters of eight bits (S8C1T, S7C1T). */
export const answersRow = lastWord('answers of eight bits', {
  hears: (sequence) => (isEscape(sequence, ' G') ? '\x1b G' : isEscape(sequence, ' F') ? '' : undefined),
  back: '\x1b F',
});

/** Colours and attributes of what is written next (SGR). A repaint sets them itself. */
export const penRow: StateRow = {
  name: 'colours and attributes of text',
  create: () => ({ take: () => undefined, again: () => '', back: () => '\x1b[0m' }),
};

/** Tab stops (HTS, TBC, DECST8C). They are put back to every eighth column, and not repainted. */
export const tabStopsRow: StateRow = {
  name: 'tab stops',
  create: () => {
    let changed = false;
    return {
      take: (sequence) => {
        if (isEscape(sequence, 'H') || isCsi(sequence, 'g')) changed = true;
        if (isCsi(sequence, '?W') && sequence.params === '5') changed = false;
      },
      again: () => '',
      back: ({ cols }) => {
        const stops = Array.from(
          { length: Math.ceil(cols / 8) - 1 },
          (_, index) => `\x1b[${(index + 1) * 8 + 1}G\x1bH`,
        );
        return changed ? `\x1b[3g${stops.join('')}` : '';
      },
    };
  },
};

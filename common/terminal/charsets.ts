import type { ControlSequence } from './control-sequences.js';
import type { StateRow, TrackedState } from './tracked-state.js';

/** Character sets (SCS), which of them is used (SI, SO, LS2, LS3, LS1R…), and the encoding (`ESC % @`, `ESC % G`). */
export const charsetsRow: StateRow = { name: 'character sets', create: trackCharsets };

/** What is in G0 to G3 (as it is written after the intermediate; `B` is ASCII), and who is invoked. */
interface Charsets {
  readonly designated: readonly [string, string, string, string];
  readonly left: string;
  readonly right: string;
}

const initial: Charsets = { designated: ['B', 'B', 'B', 'B'], left: '\x0f', right: '\x1b|' };
// The second line is for sets of 96 characters.
const slots: Readonly<Record<string, number>> = { '(': 0, ')': 1, '*': 2, '+': 3, '-': 1, '.': 2, '/': 3 };

function takeEscape(charsets: Charsets, intermediates: string, final: string): Charsets {
  if (intermediates === '' && (final === 'n' || final === 'o')) return { ...charsets, left: `\x1b${final}` };
  if (intermediates === '' && ['~', '}', '|'].includes(final)) return { ...charsets, right: `\x1b${final}` };
  const slot = slots[intermediates.charAt(0)];
  if (slot === undefined) return charsets;
  const set = intermediates + final;
  const designated = charsets.designated.map((before, index) => (index === slot ? nameOf(set) : before));
  return { ...charsets, designated: designated as unknown as Charsets['designated'] };
}

/** ASCII is named the same in every slot. */
const nameOf = (set: string): string => (/^[()*+]B$/.test(set) ? 'B' : set);

function trackCharsets(): TrackedState {
  let charsets = initial;
  let isUtf8 = true;
  // Whatever has been used: leaving the alternate screen may bring it back.
  const used = new Set<string>();
  const saved = new Map<boolean, Charsets>();

  const takeShapes = (sequence: ControlSequence): void => {
    if (sequence.kind === 'shift') charsets = { ...charsets, left: sequence.code };
    if (sequence.kind === 'escape') {
      if (sequence.intermediates === '%') isUtf8 = sequence.final !== '@';
      else charsets = takeEscape(charsets, sequence.intermediates, sequence.final);
    }
    charsets.designated.forEach((set, slot) => (set === 'B' ? undefined : used.add(`\x1b${'()*+'.charAt(slot)}B`)));
    if (charsets.left !== initial.left) used.add(initial.left);
    if (charsets.right !== initial.right) used.add(initial.right);
  };
  return {
    take: (sequence, place) => {
      if (place.cursor === 'save') saved.set(place.alternate, charsets);
      if (place.cursor === 'restore') charsets = saved.get(place.alternate) ?? initial;
      takeShapes(sequence);
    },
    again: () => {
      const sets = charsets.designated.map((set) => (set === 'B' ? '' : `\x1b${set}`)).join('');
      const left = charsets.left === initial.left ? '' : charsets.left;
      const right = charsets.right === initial.right ? '' : charsets.right;
      return `${isUtf8 ? '' : '\x1b%@'}${sets}${left}${right}`;
    },
    back: () => `${isUtf8 ? '' : '\x1b%G'}${[...used].join('')}`,
    soften: () => {
      charsets = initial;
    },
  };
}

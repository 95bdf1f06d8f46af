import type { StateRow, TrackedState } from './tracked-state.js';

/** Colours that a program gives the terminal: of the palette (OSC 4, 5), of text, background, cursor and so on (OSC 10–19). */
export const coloursRow: StateRow = { name: 'colours', create: trackColours, outlivesReset: true };

// `rgb:ff/ff/ff`, `#ffffff`, a name; what is longer is none.
const colour = /^[ -:<-~]{1,64}$/;
const maxColours = 1024;

function trackColours(): TrackedState {
  // By how the colour is set, `4;17` or `11`.
  const set = new Map<string, string>();

  const put = (key: string, value: string): void => {
    if (colour.test(value) && value !== '?' && (set.has(key) || set.size < maxColours)) set.set(key, value);
  };
  const putIndexed = (number: number, fields: readonly string[]): void => {
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const index = fields[at] ?? '';
      if (/^\d{1,4}$/.test(index)) put(`${number};${Number(index)}`, fields[at + 1] ?? '');
    }
  };
  const reset = (number: number, text: string): void => {
    if (text !== '' && number < 10) for (const index of text.split(';')) set.delete(`${number};${Number(index)}`);
    else for (const key of [...set.keys()]) if (key === String(number) || key.startsWith(`${number};`)) set.delete(key);
  };
  return {
    take: (sequence) => {
      if (sequence.kind !== 'osc') return;
      const { number, text } = sequence;
      const fields = text.split(';');
      if (number === 4 || number === 5) putIndexed(number, fields);
      // Further colours are of the numbers that follow.
      if (number >= 10 && number <= 19) fields.forEach((value, index) => put(String(number + index), value));
      if (number === 104 || number === 105 || (number >= 110 && number <= 119)) reset(number - 100, text);
    },
    again: () => [...set].map(([key, value]) => `\x1b]${key};${value}\x1b\\`).join(''),
    back: () => [...set.keys()].map((key) => `\x1b]10${key}\x1b\\`.replace(']101', ']11')).join(''),
  };
}

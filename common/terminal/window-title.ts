import { isCsi, numbersOf, type StateRow, type TrackedState } from './tracked-state.js';

/** Saves the user's own title on the terminal's stack, for `back` to restore. */
export const saveTitle = '\x1b[22;0t';

/** The titles of window and icon (OSC 0, 1, 2), and the stack that programs save them on (XTWINOPS 22, 23). */
export const windowTitleRow: StateRow = { name: 'window title', create: trackTitle, outlivesReset: true };

interface Titles {
  readonly icon?: string | undefined;
  readonly window?: string | undefined;
}

const maxTitle = 1024;
// What xterm keeps.
const maxSaved = 10;

function againOne({ icon, window }: Titles): string {
  return `${icon === undefined ? '' : `\x1b]1;${icon}\x1b\\`}${window === undefined ? '' : `\x1b]2;${window}\x1b\\`}`;
}

function trackTitle(): TrackedState {
  let titles: Titles = {};
  const saved: { readonly which: number; readonly titles: Titles }[] = [];

  const setTitle = (number: number, text: string): void => {
    const title = text.replace(/\p{Cc}/gu, '').slice(0, maxTitle);
    if (number === 0 || number === 1) titles = { ...titles, icon: title };
    if (number === 0 || number === 2) titles = { ...titles, window: title };
  };
  const restore = (which: number): void => {
    const last = saved.pop()?.titles;
    if (last === undefined) return;
    titles = { icon: which === 2 ? titles.icon : last.icon, window: which === 1 ? titles.window : last.window };
  };
  return {
    take: (sequence) => {
      if (sequence.kind === 'osc' && sequence.number <= 2) setTitle(sequence.number, sequence.text);
      if (!isCsi(sequence, 't')) return;
      const [operation, which = 0] = numbersOf(sequence.params);
      if (operation === 22 && saved.length < maxSaved) saved.push({ which, titles });
      if (operation === 23) restore(which);
    },
    again: () => saved.map((entry) => `${againOne(entry.titles)}\x1b[22;${entry.which}t`).join('') + againOne(titles),
    back: () => `${saved.map(() => '\x1b[23;0t').join('')}\x1b[23;0t`,
  };
}

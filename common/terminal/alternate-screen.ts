import { isCsi, numbersOf, switchesOf, type StateRow, type Switches, type TrackedState } from './tracked-state.js';

/** The alternate screen, and the keyboard of kitty's protocol, of which each screen has a stack of its own. */
export interface AlternateScreen extends TrackedState {
  /** Sequences that set the keyboard of the main screen; for the moment before the alternate one is entered. */
  againOnMain(): string;
}

/** The screen is switched by a repaint itself: `again` sets the keyboard of the screen that is shown. */
export const alternateScreenRow: StateRow & { create(): AlternateScreen } = {
  name: 'alternate screen and keyboard protocol of kitty',
  create: trackScreens,
};

/** True for the numbers of modes that show the alternate screen. */
export function isAlternateScreen(mode: number): boolean {
  return mode === 47 || mode === 1047 || mode === 1049;
}

interface Keyboard {
  /** Flags below everything that was pushed. */
  base: number;
  pushed: number[];
}

// More than any terminal keeps.
const maxPushed = 128;

const againOn = ({ base, pushed }: Keyboard): string =>
  `${base === 0 ? '' : `\x1b[=${base}u`}${pushed.map((flags) => `\x1b[>${flags}u`).join('')}`;
const backOn = ({ base, pushed }: Keyboard): string =>
  `${pushed.length === 0 ? '' : `\x1b[<${pushed.length}u`}${base === 0 ? '' : '\x1b[=0u'}`;

function setFlags(keyboard: Keyboard, params: string): void {
  const [flags = 0, how = 1] = numbersOf(params);
  const before = keyboard.pushed.at(-1) ?? keyboard.base;
  const after = how === 2 ? before | flags : how === 3 ? before & ~flags : flags;
  if (keyboard.pushed.length === 0) keyboard.base = after;
  else keyboard.pushed[keyboard.pushed.length - 1] = after;
}

function trackScreens(): AlternateScreen {
  const main: Keyboard = { base: 0, pushed: [] };
  const other: Keyboard = { base: 0, pushed: [] };
  // The number of the mode that the program entered it with.
  let entered: number | undefined;
  const shown = (): Keyboard => (entered === undefined ? main : other);

  const follow = ({ on, numbers }: Switches): void => {
    const number = numbers.find(isAlternateScreen);
    if (number === undefined) return;
    if (on && entered === undefined) Object.assign(other, { base: 0, pushed: [] });
    entered = on ? (entered ?? number) : undefined;
  };
  return {
    take: (sequence) => {
      const switches = switchesOf(sequence);
      if (switches) follow(switches);
      const keyboard = shown();
      if (isCsi(sequence, '>u') && keyboard.pushed.length < maxPushed)
        keyboard.pushed.push(numbersOf(sequence.params)[0] ?? 0);
      if (isCsi(sequence, '=u')) setFlags(keyboard, sequence.params);
      if (isCsi(sequence, '<u')) {
        const count = Math.min(Math.max(numbersOf(sequence.params)[0] ?? 1, 1), keyboard.pushed.length);
        keyboard.pushed.splice(keyboard.pushed.length - count);
      }
    },
    againOnMain: () => (entered === undefined ? '' : againOn(main)),
    again: () => againOn(shown()),
    back: () => (entered === undefined ? '' : `${backOn(other)}\x1b[?${entered}l`) + backOn(main),
  };
}

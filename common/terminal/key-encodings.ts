import { isCsi, isEscape, switchesOf, type StateRow, type TrackedState } from './tracked-state.js';

/** The keypad of applications (DECKPAM, DECKPNM, DECNKM). */
export const keypadRow: StateRow = { name: 'keypad of applications', create: trackKeypad };

/** How xterm writes keys with modifiers (XTMODKEYS, of which modifyOtherKeys is one, and XTFMTKEYS). */
export const keyEncodingsRow: StateRow = { name: 'keys with modifiers', create: trackEncodings };

function trackKeypad(): TrackedState {
  let on = false;
  return {
    take: (sequence) => {
      const switches = switchesOf(sequence);
      if (switches?.numbers.includes(66) === true) on = switches.on;
      if (isEscape(sequence, '=')) on = true;
      if (isEscape(sequence, '>')) on = false;
    },
    again: () => (on ? '\x1b=' : ''),
    back: () => (on ? '\x1b>' : ''),
    soften: () => {
      on = false;
    },
  };
}

function trackEncodings(): TrackedState {
  // By resource and final: `4m` is modifyOtherKeys. The value is the sequence that sets it.
  const set = new Map<string, string>();
  return {
    take: (sequence) => {
      for (const final of ['m', 'f'] as const) {
        if (!isCsi(sequence, `>${final}`)) continue;
        const [resource = '', value = ''] = sequence.params.split(';');
        if (resource === '') set.clear();
        else if (value === '') set.delete(resource + final);
        else if (resource.length <= 2) set.set(resource + final, `\x1b[>${resource};${value}${final}`);
      }
      // Switched off altogether.
      if (isCsi(sequence, '>n') && sequence.params !== '') set.set(`${sequence.params}m`, `\x1b[>${sequence.params}n`);
    },
    again: () => [...set.values()].join(''),
    back: () => [...set.keys()].map((key) => `\x1b[>${key}`).join(''),
  };
}

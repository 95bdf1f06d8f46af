import type { Terminal } from '@xterm/headless';

/** Modes of a terminal that the serializer does not know. */
export interface PrivateModes {
  /** Control sequences that set them on a terminal that was reset. */
  restore(): string;
}

// Cursor visibility is on by default; the encodings of mouse reports are off.
const trackedModes: Readonly<Record<number, boolean>> = {
  25: true,
  1005: false,
  1006: false,
  1015: false,
  1016: false,
};

/** Listens to mode changes, the scroll region and the cursor's shape, and leaves their handling to the terminal. */
export function trackPrivateModes(terminal: Terminal): PrivateModes {
  const modes = new Map<number, boolean>();
  let region: { readonly top: number; readonly bottom: number } | undefined;
  let cursorStyle: number | undefined;

  const reset = (): false => {
    modes.clear();
    region = undefined;
    cursorStyle = undefined;
    return false;
  };
  const set = (params: (number | number[])[], on: boolean): false => {
    for (const param of params) {
      if (typeof param === 'number' && param in trackedModes) modes.set(param, on);
    }
    return false;
  };
  const number = (param: number | number[] | undefined, fallback: number): number =>
    typeof param === 'number' && param > 0 ? param : fallback;
  terminal.parser.registerCsiHandler({ prefix: '?', final: 'h' }, (params) => set(params, true));
  terminal.parser.registerCsiHandler({ prefix: '?', final: 'l' }, (params) => set(params, false));
  terminal.parser.registerCsiHandler({ final: 'r' }, ([top, bottom]) => {
    const next = { top: number(top, 1), bottom: Math.min(number(bottom, terminal.rows), terminal.rows) };
    const isWhole = next.top === 1 && next.bottom === terminal.rows;
    if (next.bottom > next.top) region = isWhole ? undefined : next;
    return false;
  });
  terminal.parser.registerCsiHandler({ intermediates: ' ', final: 'q' }, ([style]) => {
    cursorStyle = number(style, 0);
    return false;
  });
  terminal.parser.registerCsiHandler({ intermediates: '!', final: 'p' }, () => {
    region = undefined;
    modes.delete(25);
    return false;
  });
  terminal.parser.registerEscHandler({ final: 'c' }, reset);
  terminal.onResize(() => {
    region = undefined;
  });
  return {
    restore: () => {
      const changed = [...modes].filter(([mode, on]) => on !== trackedModes[mode]).sort(([a], [b]) => a - b);
      const switches = changed.map(([mode, on]) => `\x1b[?${mode}${on ? 'h' : 'l'}`).join('');
      // Setting a region moves the cursor.
      const scroll = region === undefined ? '' : `\x1b7\x1b[${region.top};${region.bottom}r\x1b8`;
      const shape = cursorStyle === undefined ? '' : `\x1b[${cursorStyle} q`;
      return scroll + switches + shape;
    },
  };
}

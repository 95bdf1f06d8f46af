import { afterEach, describe, expect, test } from '@jest/globals';
import headless from '@xterm/headless';
import fc from 'fast-check';
import { createEscapeBoundary } from './escape-boundary.js';
import { createScreen, type Screen } from './screen.js';

const screens: Screen[] = [];
const open = (): Screen => {
  const screen = createScreen(6, 20);
  screens.push(screen);
  return screen;
};
const settled = (screen: Screen): Promise<void> =>
  new Promise((resolve) => {
    screen.onCaughtUp(resolve);
    if (screen.backlogBytes === 0) resolve();
  });
/** What a terminal shows that got these pieces: every cell with its looks, the cursor, the modes. */
const shown = async (...pieces: Buffer[]): Promise<unknown> => {
  const terminal = new headless.Terminal({ rows: 6, cols: 20, allowProposedApi: true });
  for (const piece of pieces) await new Promise<void>((resolve) => terminal.write(piece, resolve));
  const { active } = terminal.buffer;
  const cells = Array.from({ length: 6 }, (_, row) =>
    Array.from({ length: 20 }, (_, col) => {
      const cell = active.getLine(active.baseY + row)!.getCell(col)!;
      const looks = [cell.getFgColor(), cell.getBgColor(), cell.isBold(), cell.isUnderline()].join();
      return [cell.getChars() === ' ' ? '' : cell.getChars(), looks].join(':');
    }).join('|'),
  );
  const state = { cells, x: active.cursorX, y: active.cursorY, type: active.type, modes: { ...terminal.modes } };
  terminal.dispose();
  return state;
};

afterEach(() => {
  for (const screen of screens.splice(0)) screen.dispose();
});

const piece = fc.constantFrom(
  'hello',
  'wörld✓',
  '漢字',
  '\r\n',
  '\x1b[31m',
  '\x1b[1;48;5;200m',
  '\x1b[38;2;1;2;3m',
  '\x1b[0m',
  '\x1b[0m\x1b[2J',
  '\x1b[3;5H',
  '\x1b[0m\x1b[K',
  // Not restored: the background of rows that hold no text, and colours saved on entering the alternate screen.
  '\x1b[0m\x1b[?1049h',
  '\x1b[0m\x1b[?1049l',
  '\x1b[?25l',
  '\x1b[?25h',
  '\x1b[?2004h',
  '\x1b[?1h',
  '\x1b[?1002h',
  '\x1b[?1006h',
  '\x1b]0;a title\x07',
  '\x1bPq#0;2;0;0;0\x1b\\',
  '\x1b[4 q',
);

describe('screen', () => {
  test('a snapshot repaints what was shown, at any cut, and later output continues on it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 25 }), fc.nat(), fc.boolean(), async (pieces, at, wait) => {
        const all = Buffer.from(pieces.join(''));
        const cut = all.length === 0 ? 0 : at % (all.length + 1);
        const screen = open();
        screen.write(all.subarray(0, cut));
        if (wait) await settled(screen);
        const snapshot = screen.snapshot();
        expect(await shown(snapshot, all.subarray(cut))).toEqual(await shown(all));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test('restores the scroll region and the cursor with it', async () => {
    const before = Buffer.from('\x1b[2;4r\x1b[4;1Hone\x1b[?25l');
    const after = Buffer.from('\r\ntwo\r\nthree');
    const screen = open();
    screen.write(before);
    await settled(screen);
    expect(await shown(screen.snapshot(), after)).toEqual(await shown(before, after));
  });

  test('follows a resize in order with the output', async () => {
    const screen = open();
    screen.write(Buffer.from('0123456789012345678901234\r\n'));
    screen.resize(6, 40);
    screen.write(Buffer.from('end'));
    await settled(screen);
    expect(screen.snapshot().toString('utf8')).toContain('0123456789012345678901234');
  });

  test('cuts only where neither a character nor a control sequence is split', () => {
    const whole = Buffer.from('a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0d');
    const boundaries = new Set<number>([0]);
    for (let size = 1; size <= whole.length; size++)
      boundaries.add(createEscapeBoundary().push(whole.subarray(0, size)));
    const cuts = [...boundaries].map((index) => whole.toString('utf8', 0, index));
    expect(cuts).toEqual([
      '',
      'a',
      'a✓',
      'a✓\x1b[31m',
      'a✓\x1b[31mb',
      'a✓\x1b[31mb\x1b]0;t\x1b\\',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0',
      'a✓\x1b[31mb\x1b]0;t\x1b\\c\x1bPx\x1b\\\x1b(0d',
    ]);
  });
});

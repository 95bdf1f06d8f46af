import { StringDecoder } from 'node:string_decoder';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
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
  const terminal = createHeadlessTerminal({ rows: 6, cols: 20 }, 0);
  // The interpreter's own decoder loses the joiner of a family that is cut in two.
  const decoder = new StringDecoder();
  for (const piece of pieces) await new Promise<void>((resolve) => terminal.write(decoder.write(piece), resolve));
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
  '📦|a',
  '👨\u200d👩\u200d👧|👍🏽|❤\ufe0f|e\u0301|',
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
  '\x1b[?7l',
  '\x1b[?7h',
  '\x1b[4h',
  '\x1b[4l',
  '\x1b[2;5r',
  '\x1b[?6h',
  '\x1b[?6l',
  '12345678901234567890',
  '\x1b[1;1H\x1b[3;41m12345678901234567890',
  '\x1b[5;1Hbelow\x1b[2;1H',
  '\x1b(0',
  '\x0e',
  '\x0f',
  '\x1b(B',
  'lqk',
);

/** Without those that leave the alternate screen while the main one is shown: they go to a saved cursor, which is not restored. */
function balanced(pieces: readonly string[]): readonly string[] {
  let isAlternate = false;
  return pieces.filter((text) => {
    const leaves = text.endsWith('\x1b[?1049l');
    if (leaves && !isAlternate) return false;
    if (leaves || text.endsWith('\x1b[?1049h')) isAlternate = !leaves;
    return true;
  });
}

describe('screen', () => {
  test('a snapshot repaints what was shown, at any cut, and later output continues on it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 25 }), fc.nat(), fc.boolean(), async (pieces, at, wait) => {
        const all = Buffer.from(balanced(pieces).join(''));
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

  test.each([
    ['with content below', '\x1b[4;1Hbelow\x1b[2;1H12345678901234567890'],
    [
      'of a wide character with looks',
      '\x1b[4;1Hbelow\x1b[2;1H\x1b[1;3;35m123456789012345678\x1b[48;2;9;8;7m漢\x1b[0;4m',
    ],
    ['in a scroll region', '\x1b[2;4r\x1b[4;1H12345678901234567890'],
    ['where positions count from the margins', '\x1b[2;4r\x1b[?6h\x1b[2;1H12345678901234567890\x1b[31m'],
    ['on the alternate screen', '\x1b[?1049h\x1b[4;1Hbelow\x1b[2;1H12345678901234567890'],
    ['of an erased row', '\x1b[2;1H12345678901234567890\x1b[2K'],
    ['inside a link', '\x1b[4;1Hbelow\x1b[2;1H\x1b]8;;http://a\x07' + '12345678901234567890'],
    ['before line drawing', '\x1b[4;1Hbelow\x1b[2;1H12345678901234567890\x1b(0'],
  ])('restores the cursor behind the last column %s', async (_, before) => {
    const screen = open();
    screen.write(Buffer.from(before));
    await settled(screen);
    const after = Buffer.from('next');
    expect(await shown(screen.snapshot(), after)).toEqual(await shown(Buffer.from(before), after));
  });

  test.each([
    ['in', '12345678901234567890\x1b[1;6H'],
    ['above', '\x1b[6;1H12345678901234567890\x1b[2;6H'],
    ['under the alternate screen, in', '12345678901234567890\x1b[1;6H\x1b[?1049h\x1b[?1049l'],
    ['on the alternate screen, above', '\x1b[?1049h\x1b[6;1H12345678901234567890\x1b[2;6H'],
  ])('restores the cursor %s a full row', async (_, before) => {
    const screen = open();
    screen.write(Buffer.from(before));
    await settled(screen);
    expect(await shown(screen.snapshot())).toEqual(await shown(Buffer.from(before)));
  });

  test('an empty row from which text went on to the next one stays empty', async () => {
    const screen = open();
    const bytes = Buffer.from('12345678901234567890\x1b[2Kafter');
    screen.write(bytes);
    await settled(screen);
    expect(await shown(screen.snapshot())).toEqual(await shown(bytes));
  });

  test('restores the scroll region and the cursor with it', async () => {
    const before = Buffer.from('\x1b[2;4r\x1b[4;1Hone\x1b[?25l');
    const after = Buffer.from('\r\ntwo\r\nthree');
    const screen = open();
    screen.write(before);
    await settled(screen);
    expect(await shown(screen.snapshot(), after)).toEqual(await shown(before, after));
  });

  test.each([
    ['of the main screen while the alternate one is shown', '\x1b[2;5r\x1b[?1049h\x1b[?6h', '\x1b[2;1Hone\x1b[?1049l'],
    ['of the alternate screen', '\x1b[?1049h\x1b[2;5r\x1b[?6h', '\x1b[1;1Hone\r\n\r\n\r\n\r\ntwo'],
    ['of an alternate screen that was left', '\x1b[?1049h\x1b[?6h\x1b[?1049l', '\x1b[2;4rone'],
    ['of both', '\x1b[2;3r\x1b[?1049h\x1b[3;5r', '\x1b[?6hone\x1b[?1049l\x1b[?6htwo'],
  ])('keeps the margins %s apart', async (_, before, after) => {
    const screen = open();
    screen.write(Buffer.from(before));
    await settled(screen);
    expect(await shown(screen.snapshot(), Buffer.from(after))).toEqual(await shown(Buffer.from(before + after)));
  });

  test('has the columns of wide characters that users’ terminals have', async () => {
    const screen = open();
    screen.write(
      Buffer.from('\x1b[2J\x1b[1;1H📦\x1b[1;3H|a\x1b[2;1H👨\u200d👩\u200d👧\x1b[2;3H|b\x1b[3;1H漢❤\ufe0f\x1b[3;5H|c '),
    );
    await settled(screen);
    const text = screen.snapshot().toString();
    for (const row of ['📦|a', '👨\u200d👩\u200d👧|b', '漢❤\ufe0f|c']) expect(text).toContain(row);
  });

  test('sets every mode again, the keyboard of each screen on its own', async () => {
    const screen = open();
    screen.write(
      Buffer.from('main\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[?7l\x1b[4h\x1b[?1000;1006h\x1b)0\x0e\x1b]2;title\x07'),
    );
    await settled(screen);
    expect(screen.snapshot().toString()).toMatch(
      // eslint-disable-next-line no-control-regex -- What is looked for.
      /^\x1bcmain\x1b\[1;5H\x1b\[>1u\x1b\[0m\x1b\[\?1049h\x1b\[H.*\x1b\]2;title\x1b\\\x1b\)0\x0e\x1b\[4h\x1b\[\?1006h\x1b\[\?1000h\x1b\[\?7l\x1b\[>3u$/,
    );
  });

  test('keeps the margins when the size that is told is the one it has', async () => {
    const screen = open();
    screen.write(Buffer.from('\x1b[2;4r'));
    screen.resize(6, 20);
    await settled(screen);
    expect(screen.snapshot().toString()).toContain('\x1b[2;4r');
    screen.resize(7, 20);
    screen.write(Buffer.from('x\r\n'));
    await settled(screen);
    expect(screen.snapshot().toString()).not.toContain('\x1b[2;4r');
  });

  test('follows a resize in order with the output', async () => {
    const screen = open();
    screen.write(Buffer.from('0123456789012345678901234\r\n'));
    screen.resize(6, 40);
    screen.write(Buffer.from('end'));
    await settled(screen);
    expect(screen.snapshot().toString('utf8')).toContain('0123456789012345678901234');
  });
});

import { PassThrough } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { describe, expect, test } from '@jest/globals';
import { createHeadlessTerminal } from '#common/terminal/headless-terminal.js';
import { TerminalView } from './terminal-view.js';

/** A view on a terminal of 5 rows and 20 columns, and what that terminal shows. */
function terminal(): {
  view: TerminalView;
  screen: (more?: string) => Promise<string[]>;
  written: () => string;
  cursor: () => [number, number];
} {
  const shown = createHeadlessTerminal({ rows: 5, cols: 20 }, 100);
  const out = new PassThrough();
  shown.write('the shell before\r\n$ ');
  // As a terminal's line discipline does.
  const decoder = new StringDecoder();
  out.on('data', (chunk: Buffer) => shown.write(decoder.write(chunk).replace(/(?<!\r)\n/g, '\r\n')));
  const view = new TerminalView(out, { rows: 5, cols: 20 });
  let written = '';
  out.on('data', (chunk: Buffer) => (written += chunk.toString('latin1')));
  // After the view is closed it shows what others write.
  const screen = async (more = ''): Promise<string[]> => {
    await view.write('');
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => shown.write(more, resolve));
    const { active } = shown.buffer;
    return Array.from({ length: 5 }, (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '');
  };
  return {
    view,
    screen,
    written: () => written,
    cursor: () => [shown.buffer.active.cursorY, shown.buffer.active.cursorX],
  };
}

describe('a terminal view', () => {
  test('starts with an empty screen, and keeps what was there in the scrollback', async () => {
    const { view, screen } = terminal();
    await view.write('one');
    expect(await screen()).toEqual(['one', '', '', '', '']);
  });

  test('restores the row under a status line, colours and cursor included', async () => {
    const { view, screen, cursor } = terminal();
    await view.write('1\r\n2\r\n3\r\n4\r\n\x1b[31mred\x1b[0m prompt$ ');
    const before = await screen();
    const at = cursor();
    view.show('away');
    expect((await screen()).at(-1)).toBe(' away ');
    view.show('still away');
    expect((await screen()).at(-1)).toBe(' still away ');
    expect(cursor()).toEqual(at);
    view.clear();
    expect(await screen()).toEqual(before);
    expect(cursor()).toEqual(at);
  });

  test('does not let a status line scroll into what a program writes', async () => {
    const { view, screen } = terminal();
    await view.write('1\r\n2\r\n3\r\n4\r\n5');
    view.show('ends in 9 s');
    await view.write('\r\n6\r\n7');
    expect(await screen()).toEqual(['3', '4', '5', '6', ' ends in 9 s ']);
    view.clear();
    expect(await screen()).toEqual(['3', '4', '5', '6', '7']);
  });

  test.each([
    ['an escape sequence', '\x1b[3', '1mred'],
    ['a title', '\x1b]0;tit', 'le\x07red'],
    ['a character', '\xc3', '\xa4red'],
  ])('draws nothing into the middle of %s', async (_name, first, second) => {
    const { view, screen } = terminal();
    await view.write(Buffer.from(first, 'latin1'));
    view.show('away');
    expect((await screen()).at(-1)).toBe('');
    await view.write(Buffer.from(second, 'latin1'));
    const rows = await screen();
    expect(rows[0]).toMatch(/red$/);
    expect(rows[0]).not.toContain('[');
    expect(rows.at(-1)).toBe(' away ');
  });

  test('restores a row of wide characters under a status line', async () => {
    const { view, screen } = terminal();
    await view.write('\x1b[5;1H漢📦|👨\u200d👩\u200d👧|e\u0301|a');
    view.show('away');
    expect((await screen()).at(-1)).toBe(' away ');
    view.clear();
    expect((await screen()).at(-1)).toBe('漢📦|👨\u200d👩\u200d👧|e\u0301|a');
  });

  test('takes a character that comes in two for one', async () => {
    const { view, screen } = terminal();
    const bytes = Buffer.from('\x1b[5;1H👨\u200d👩|a');
    // Within the joiner.
    await view.write(bytes.subarray(0, 12));
    await view.write(bytes.subarray(12));
    view.show('away');
    view.clear();
    expect((await screen()).at(-1)).toBe('👨\u200d👩|a');
  });

  test.each([
    ['line drawing', '\x1b(0lqk', 'x', '┌─┐│'],
    ['line drawing by SO', '\x1b)0\x0elqk', 'x', '┌─┐│'],
    ['insert mode', 'abc\x1b[4h\x1b[1;1H', 'x', 'xabc'],
    ['an origin', '\x1b[2;4r\x1b[?6h', 'ab\x1b[1;1Hx', ''],
  ])(
    'draws its status line and restores the row under %s, which goes on after it',
    async (_name, first, second, row) => {
      const { view, screen } = terminal();
      await view.write(first);
      view.show('reconnecting, away');
      expect((await screen()).at(-1)).toBe(' reconnecting, away ');
      view.clear();
      await view.write(second);
      const rows = await screen();
      expect(rows[0]).toBe(row);
      expect(rows[1]).toBe(row === '' ? 'xb' : '');
      expect(rows.at(-1)).toBe('');
    },
  );

  test('puts back what the program has changed when it closes, and the goodbye is not cut', async () => {
    const { view, screen, written } = terminal();
    await view.write('\x1b[?7l\x1b[4h\x1b[>1u\x1b[?1003;1006;2004h\x1b[2;3r\x1b[?6h\x1b(0');
    await view.close();
    const goodbye = 'a goodbye of more than twenty columns';
    await screen(goodbye);
    expect((await screen()).slice(0, 2)).toEqual([goodbye.slice(0, 20), goodbye.slice(20)]);
    const atEnd = written().slice(written().lastIndexOf('\x1b(0'));
    for (const sequence of ['<1u', '?7h', '4l', '?1003l', '?1006l', '?2004l', 'r', '?6l', '23;0t']) {
      expect(atEnd).toContain(`\x1b[${sequence}`);
    }
  });

  test('ends a sequence that the program has begun when it closes', async () => {
    const { view, screen } = terminal();
    await view.write('\x1b]2;a title that never en');
    await view.close();
    expect((await screen('goodbye'))[0]).toBe('goodbye');
  });

  test('leaves the alternate screen when it closes, with the cursor below what is drawn', async () => {
    const { view, screen, cursor } = terminal();
    await view.write('shell$ vi\r\n\x1b[?1049h\x1b[2J\x1b[H~ an editor');
    expect((await screen())[0]).toBe('~ an editor');
    await view.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect((await screen())[0]).toBe('shell$ vi');
    expect(cursor()).toEqual([1, 0]);
  });
});

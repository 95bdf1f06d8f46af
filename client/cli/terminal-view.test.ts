import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import headless from '@xterm/headless';
import { createTerminalView, type TerminalView } from './terminal-view.js';

/** A view on a terminal of 5 rows and 20 columns, and what that terminal shows. */
function terminal(): { view: TerminalView; screen: () => Promise<string[]>; cursor: () => [number, number] } {
  const shown = new headless.Terminal({ rows: 5, cols: 20, allowProposedApi: true });
  const out = new PassThrough();
  shown.write('the shell before\r\n$ ');
  // As a terminal's line discipline does.
  out.on('data', (chunk: Buffer) => shown.write(chunk.toString('latin1').replace(/(?<!\r)\n/g, '\r\n')));
  const view = createTerminalView(out, { rows: 5, cols: 20 });
  const screen = async (): Promise<string[]> => {
    await view.write('');
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => shown.write('', resolve));
    const { active } = shown.buffer;
    return Array.from({ length: 5 }, (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '');
  };
  return { view, screen, cursor: () => [shown.buffer.active.cursorY, shown.buffer.active.cursorX] };
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

import { describe, expect, test } from '@jest/globals';
import { createHeadlessTerminal } from './headless-terminal.js';

const columnsOf = async (text: string): Promise<number> => {
  const terminal = createHeadlessTerminal({ rows: 2, cols: 40 }, 0);
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  const column = terminal.buffer.active.cursorX;
  terminal.dispose();
  return column;
};

describe('a headless terminal', () => {
  test.each([
    ['ASCII', 'a1#', 3],
    ['emoji', '📦', 2],
    ['emoji of Unicode 15', '🫨', 2],
    ['East Asian', '漢字', 4],
    ['fullwidth and halfwidth', 'Ａｱ', 3],
    ['ambiguous', '±─', 2],
    ['combining marks', 'e\u0301\u0323', 1],
    ['a sign and its emoji', '❤|❤\ufe0f', 4],
    ['an emoji as a sign', '📦\ufe0e', 2],
    ['a keycap', '1\ufe0f\u20e3', 2],
    ['a selector that selects nothing', 'a\ufe0f', 1],
    ['people joined', '👨\u200d👩\u200d👧', 2],
    ['a flag of several', '🏳\ufe0f\u200d🌈', 2],
    ['letters joined', 'a\u200db', 2],
    ['a skin tone', '👍🏽', 2],
    ['a skin tone alone, and on what has no skin', '🏽📦🏽', 6],
    ['flags', '🇩🇪🇫🇷', 4],
    ['letters of flags', '🇩🇪🇫', 3],
    ['Hangul, whole and in parts', '각\u1100\u1161\u11a8', 4],
    ['Devanagari', 'क्षि', 3],
    ['Thai', 'ก็', 1],
    ['control characters', 'a\u00adb\u200b', 3],
  ])('gives %s (%s) %d columns', async (_what, text, columns) => {
    expect(await columnsOf(text)).toBe(columns);
    expect(await columnsOf(`${text}|a`)).toBe(columns + 2);
  });
});

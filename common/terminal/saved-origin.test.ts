import { expect, test } from '@jest/globals';
import { createHeadlessTerminal } from './headless-terminal.js';

const originAfter = async (text: string): Promise<boolean> => {
  const terminal = createHeadlessTerminal({ rows: 4, cols: 20 }, 0);
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  const { originMode } = terminal.modes;
  terminal.dispose();
  return originMode;
};

test.each([
  ['DECSC and DECRC', '\x1b7\x1b[?6h\x1b8', false],
  ['DECSC and DECRC, on', '\x1b[?6h\x1b7\x1b[?6l\x1b8', true],
  ['SCOSC and SCORC', '\x1b[?6h\x1b[s\x1b[?6l\x1b[u', true],
  ['1048', '\x1b[?6h\x1b[?1048h\x1b[?6l\x1b[?1048l', true],
  ['the alternate screen', '\x1b[?1049h\x1b[?6h\x1b[?1049l', false],
  ['the alternate screen, on', '\x1b[?6h\x1b[?1049h\x1b[?6l\x1b[?1049l', true],
  ['a cursor of the alternate screen', '\x1b[?1049h\x1b[?6h\x1b7\x1b[?1049l\x1b8', false],
  ['nothing saved', '\x1b[?6h\x1b8', false],
  ['an alternate screen that saves nothing', '\x1b[?47h\x1b[?6h\x1b[?47l', true],
  ['a reset', '\x1b[?6h\x1b7\x1bc\x1b8', false],
  ['what is saved after a reset', '\x1bc\x1b7\x1b[?6h\x1b8', false],
  ['a soft reset', '\x1b[?6h\x1b7\x1b[!p\x1b8', false],
])('restores the origin mode with the cursor: %s', async (_what, text, isOn) => {
  expect(await originAfter(text)).toBe(isOn);
});

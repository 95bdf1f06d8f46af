import { expect, test } from '@jest/globals';
import type { PanelSpec } from 'panelet/panel';
import { openPanel, tryEveryPoint } from 'panelet/panel/testing';

const file = './guestbook.js';
const { guestbook } = (await import(file)) as { readonly guestbook: PanelSpec };

test('a guestbook numbers what it gets', async () => {
  const session = await openPanel(guestbook, { parameters: { greeting: '# ' } });
  await session.write('Anna was here\nBe');
  await session.restart();
  await session.write('n, too\n');
  expect(Buffer.from(session.output).toString()).toBe('# 1 Anna was here\n# 2 Ben, too\n');
});

test('a guestbook is the same over a restart at every point', async () => {
  const inputs = ['one\n', 'tw', 'o\nthree\n', { event: 'pages' }, 'four', '\n', { end: true }] as const;
  expect(await tryEveryPoint(guestbook, { inputs })).toBe(6 * inputs.length);
});

import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser } from 'puppeteer-core';
import { waitFor } from '#test/support/wait-for.js';
import { BoardTab } from './board-tab.js';
import { ago, sayBusyBoard } from './busy-board.js';
import { describeInChromium, startChromium } from './chromium.js';
import { FakeBoard } from './fake-board.js';

const sizes = [
  [320, 720],
  [1280, 900],
  [3840, 2160],
] as const;
/** What is asked of a page: WCAG 2.2 AA, and good practice. */
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const schemes = ['light', 'dark'] as const;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describeInChromium()('the looks of the board in Chromium', () => {
  let browser: Browser;
  let board: FakeBoard;
  let tab: BoardTab;
  let pictures: string;
  let source: string;
  beforeAll(async () => {
    browser = await startChromium();
    const chosen = process.env['BOARD_PICTURES'];
    if (chosen !== undefined) await mkdir(chosen, { recursive: true });
    pictures = chosen ?? (await mkdtemp(join(tmpdir(), 'board-')));
    source = await readFile(axe, 'utf8');
  });
  beforeEach(async () => {
    board = new FakeBoard();
    await board.start();
    sayBusyBoard(board);
    tab = await BoardTab.open(browser, board);
    await tab.openTerminal();
    board
      .session(0)
      .print(
        '\x1b[32mjane@node-1\x1b[0m:\x1b[34m~\x1b[0m$ uptime\r\n 12:00:01 up 41 days\r\n\x1b[33mwarn\x1b[0m \x1b[90mgrey\x1b[0m $ ',
      );
    for (const [index, ms] of [420, 380, 1_200, 900, 510].entries())
      board
        .session(0)
        .tell({ kind: 'gap', ms, cause: (['restart', 'moved', 'cut'] as const)[index % 3]!, at: ago(index * 20) });
    await tab.sees('p99', '.gaps');
  });
  afterEach(async () => {
    await tab.close();
    await board.stop();
    tab.mustHaveNoErrors();
  });
  afterAll(async () => {
    await browser.close();
  });

  /** What axe finds, in both schemes of colours. It comes in by the debugging protocol: the policy of the page allows no other script. */
  const violations = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const scheme of schemes) {
      await tab.page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: scheme },
        { name: 'prefers-reduced-motion', value: 'reduce' },
      ]);
      await tab.page.evaluate(source);
      // What is dark differs in its colours only.
      const rules = scheme === 'light' ? tags : ['color-contrast'];
      const { violations } = (await tab.page.evaluate(`axe.run({ runOnly: ${JSON.stringify(rules)} })`)) as AxeResults;
      for (const { id, nodes } of violations)
        found.push(
          ...nodes.map(({ html, failureSummary }) => `${scheme} ${id}: ${html.slice(0, 200)}\n${failureSummary ?? ''}`),
        );
    }
    return found;
  };
  const closeDialog = async (): Promise<void> => {
    await tab.page.keyboard.press('Escape');
    await waitFor('no dialog', async () => (await tab.page.$('dialog')) === null);
  };

  test('nothing is wrong with the whole page for those who do not see it, or see it badly', async () => {
    expect(await violations()).toEqual([]);
    board.session(0).tell({ kind: 'state', state: 'reconnecting', text: 'the agent is restarting' });
    board.session(0).tell({ kind: 'lost', text: '3 frames' });
    await tab.sees('reconnecting', '.view-line');
    expect(await violations()).toEqual([]);
    board.session(0).tell({ kind: 'state', state: 'live', text: '' });
  });

  test('nothing is wrong with its dialogs, its search, and its log', async () => {
    await tab.press('Plan a restart');
    await tab.press('Plan');
    await tab.sees('Nothing would be lost', 'dialog');
    expect(await violations()).toEqual([]);
    await closeDialog();
    await tab.press('Keys');
    expect(await violations()).toEqual([]);
    await closeDialog();
    await tab.press('Abort');
    expect(await violations()).toEqual([]);
    await closeDialog();
    await tab.press('Search');
    await tab.press('Open logs');
    await tab.page.type('dialog input', '/var/log/syslog');
    expect(await violations()).toEqual([]);
    await tab.page.keyboard.press('Enter');
    await waitFor('a log', () => board.sessions.length === 2);
    board.session(1).print('one line\n'.repeat(500));
    await tab.sees('500 lines', '.log-pane');
    await tab.press('Search');
    await tab.page.type('.search-bar input', 'line');
    expect(await violations()).toEqual([]);
  });

  test('nothing is wrong with a page without a key', async () => {
    await tab.page.evaluate(() => sessionStorage.clear());
    await tab.page.reload();
    await tab.sees('panelet board');
    expect(await violations()).toEqual([]);
  });

  test('it fits every screen from 320 to 3840 pixels, light and dark', async () => {
    await tab.sees('Live', '.view-line');
    for (const [width, height] of sizes) {
      for (const scheme of schemes) {
        await tab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        await tab.page.setViewport({ width, height });
        await tab.page.evaluate(() => scrollTo(0, 0));
        await waitFor('the terminal to fit', () =>
          tab.page.$eval('.xterm-screen', (screen) => screen.clientWidth <= innerWidth),
        );
        const [wide, high] = await tab.page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.scrollHeight,
        ]);
        expect(wide).toBeLessThanOrEqual(width);
        const main = await tab.page.$eval('main', (element) => element.getBoundingClientRect().bottom);
        // Nothing makes the page longer than what is on it.
        expect(high).toBeLessThanOrEqual(Math.max(height, Math.ceil(main) + 1));
        await tab.page.screenshot({
          path: join(pictures, `${width}-${scheme}.png`),
          fullPage: true,
        });
      }
    }
  });

  test('it is painted, and says how soon', async () => {
    const fresh = await BoardTab.open(browser, board);
    await fresh.sees('kind-staging', 'header');
    const firstMs = await fresh.page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    );
    await fresh.close();
    expect(firstMs).toBeGreaterThan(0);
    process.stdout.write(`The board was first painted after ${Math.round(firstMs ?? 0)} ms.\n`);
  });
});

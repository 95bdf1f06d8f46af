import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { waitFor } from '#test/support/wait-for.js';
import { BoardTab } from './board-tab.js';
import { ago, sayBusyBoard } from './busy-board.js';
import { describeInChromium, startChromium } from './chromium.js';
import { FakeBoard } from './fake-board.js';
import type { FakeView } from './fake-session.js';
import { sampleNode, sampleSession } from './samples.js';

describeInChromium()('sessions of the board in Chromium', () => {
  let browser: Browser;
  let board: FakeBoard;
  let tab: BoardTab;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
  });
  beforeEach(async () => {
    board = new FakeBoard();
    await board.start();
    sayBusyBoard(board);
    tab = await BoardTab.open(browser, board);
  });
  afterEach(async () => {
    await tab.close();
    await board.stop();
    tab.mustHaveNoErrors();
  });
  const viewOf = (index: number): FakeView => [...board.session(index).views][0]!;
  const openLog = async (): Promise<void> => {
    await tab.page.waitForSelector('.node-list [role=row][tabindex="0"]');
    await tab.page.click('.node-list [role=row][tabindex="0"]');
    await tab.sees('Open logs', '.detail');
    await tab.press('Open logs');
    await tab.page.type('dialog input', '/var/log/syslog');
    await tab.page.keyboard.press('Enter');
    await waitFor('the session', () => board.sessions.length === 1);
    await tab.sees('Live', '.view-line');
  };

  test('what is typed in two terminals comes to each of them, and what they print is in each', async () => {
    await tab.openTerminal();
    await tab.page.keyboard.type('echo first\r');
    await tab.terminalShows('echo first');
    await tab.openTerminal();
    await tab.page.keyboard.type('second 漢字 👩‍👧\r');
    await tab.terminalShows('second 漢字');
    expect(board.sessions.map(({ input }) => input)).toEqual(['echo first\r', 'second 漢字 👩‍👧\r']);
    await tab.page.focus('[role=tab][aria-selected=true]');
    await tab.page.keyboard.press('ArrowLeft');
    await tab.terminalShows('echo first');
    expect(await tab.focus()).toMatch(/^tab/);
    expect(board.session(0)).toMatchObject({ node: 'node-1', panel: 'terminal' });
  });

  test('says that an agent restarts, goes on after it, and shows how long it stood still', async () => {
    await tab.openTerminal();
    board.session(0).tell({ kind: 'state', state: 'reconnecting', text: 'the agent of node-1 is restarting' });
    await tab.sees('Agent restarting, reconnecting: the agent of node-1', '.view-line');
    board.session(0).tell({ kind: 'state', state: 'live', text: '' });
    for (const [index, ms] of [400, 200, 900].entries())
      board.session(0).tell({ kind: 'gap', ms, cause: index === 1 ? 'cut' : 'restart', at: ago(60 - index) });
    await tab.sees('Live', '.view-line');
    await tab.sees(/p50\s+400 ms\s+p99\s+900 ms/, '.gaps');
    await tab.sees('Connection cut: 1', '.gaps');
    const inked = await tab.page.$eval('.plot canvas', (canvas) => {
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
      return data.some((value, index) => index % 4 === 3 && value > 0);
    });
    expect(inked).toBe(true);
  });

  test('what was lost, an end and a failure are told; an ended session can be opened again', async () => {
    await tab.openTerminal();
    board.session(0).tell({ kind: 'lost', text: '12 frames: the worker was killed' });
    await tab.sees('Lost: 12 frames: the worker was killed', '.note');
    board.session(0).tell({ kind: 'ended', text: 'the shell has ended', exitCode: 3 });
    await tab.sees('Ended with exit code 3: the shell has ended', '.view-line');
    await tab.press('Open again');
    await waitFor('another session', () => board.sessions.length === 2);
    board.session(1).tell({ kind: 'failed', code: 'UNAVAILABLE', text: 'no agent answers' });
    await tab.sees('Failed: no agent answers (UNAVAILABLE)', '.view-line');
  });

  test('a page that is loaded again shows its sessions again, from their screens', async () => {
    await tab.openTerminal();
    await tab.page.keyboard.type('before the reload');
    await tab.terminalShows('before the reload');
    await tab.page.reload();
    await tab.terminalShows('before the reload');
    await tab.page.click('[role=tab]');
    await tab.page.keyboard.type(', and after it');
    await waitFor('what is typed', () => board.session(0).input === 'before the reload, and after it');
    expect(board.sessions).toHaveLength(1);
  });

  test('what a program asks its terminal is answered once, and not again when the page is loaded again', async () => {
    await tab.openTerminal();
    board.session(0).print('\x1b[6n\x1b[c\x1b[?1$p\x1bP$qm\x1b\\\x1b[5n\x1b]11;?\x07');
    await waitFor('the answers', () => board.session(0).input.includes('\x1b]11;rgb:'));
    const { input } = board.session(0);
    expect(input).toContain('\x1b[?1;2c');
    await tab.page.reload();
    await tab.page.waitForSelector('[role=tab]');
    await tab.page.click('[role=tab]');
    await tab.page.keyboard.type('typed');
    await waitFor('what is typed', () => board.session(0).input.endsWith('typed'));
    expect(board.session(0).input).toBe(`${input}typed`);
    board.session(0).print('\x1b[5n');
    await waitFor('a new answer', () => board.session(0).input.endsWith('typed\x1b[0n'));
  });

  test('a session that the server lost sight of for a while goes on, without a byte twice', async () => {
    await tab.openTerminal();
    await tab.page.keyboard.type('once');
    await tab.terminalShows('once');
    await board.stop();
    await tab.sees("The board's server is away; the session goes on", '.view-line');
    await board.start();
    await tab.sees('Live', '.view-line');
    await tab.page.keyboard.type(' more');
    await tab.terminalShows('$ once more');
    expect((await tab.terminalText()).trim()).toBe('$ once more');
  });

  test('two views of a session see the same, and both may write', async () => {
    await tab.openTerminal();
    await tab.press('Another view');
    await waitFor('a second view', () => board.session(0).views.size === 2);
    await tab.sees('Live', '.view-line');
    await tab.page.keyboard.type('from the second');
    await tab.terminalShows('from the second');
    await tab.page.focus('[role=tab][aria-selected=true]');
    await tab.page.keyboard.press('ArrowLeft');
    await tab.terminalShows('from the second');
    await tab.page.keyboard.press('Delete');
    await waitFor('one view', () => board.session(0).views.size === 1);
    board.say({ kind: 'node', node: sampleNode(1, { sessions: [sampleSession(board.session(0).id)] }) });
    await tab.sees('Show', '.sessions');
  });

  test('a flood is shown and acknowledged to its last byte, and the page can be used meanwhile', async () => {
    await tab.openTerminal();
    const line = `${'0123456789'.repeat(8)}\r\n`;
    board.session(0).print(line.repeat(60_000));
    await tab.press('Plan a restart');
    await tab.sees('What to restart', 'dialog');
    await tab.page.keyboard.press('Escape');
    const view = viewOf(0);
    await waitFor('all to be shown', () => view.shown > 4_000_000 && view.shown === view.sent);
    expect(await tab.page.$$eval('.xterm-rows > div', (rows) => rows.length)).toBeLessThan(120);
  });

  test('a program does no harm by its title, and opens only web pages that a person agrees to', async () => {
    await tab.openTerminal();
    board.session(0).print('\x1b]0;<img src=x onerror=alert(1)>\u202e\x07');
    board
      .session(0)
      .print('\x1b]8;;javascript:alert(1)\x07bad\x1b]8;;\x07 \x1b]8;;https://example.org/x\x07good\x1b]8;;\x07\r\n$ ');
    await tab.terminalShows('bad good');
    await tab.sees('<img src=x onerror=alert(1)>', '[role=tab]');
    const at = await tab.page.$eval('.xterm-screen', (screen) => {
      const { left, top, width, height } = screen.getBoundingClientRect();
      return { left, top, width, height };
    });
    const columnPx = at.width / board.session(0).columns;
    const click = async (column: number): Promise<void> => {
      await tab.page.mouse.move(at.left + (column - 2) * columnPx, at.top + 7);
      await tab.page.mouse.move(at.left + column * columnPx, at.top + 7);
      await tab.page.mouse.click(at.left + column * columnPx, at.top + 7);
    };
    await click(3.5);
    await click(7.5);
    await tab.sees('https://example.org/x', 'dialog');
    await tab.press('Stay here');
    expect(await tab.page.$('dialog')).toBeNull();
    expect((await tab.page.browserContext().pages()).length).toBe(1);
  });

  test('is left by Tab once Ctrl+M was pressed, forwards and backwards; Ctrl+F searches, Escape goes back', async () => {
    await tab.openTerminal();
    board.session(0).print('one needle in the hay\r\n$ ');
    await tab.page.keyboard.press('Tab');
    await waitFor('the tab', () => board.session(0).input === '\t');
    const control = async (key: 'm' | 'f'): Promise<void> => {
      await tab.page.keyboard.down('Control');
      await tab.page.keyboard.press(key);
      await tab.page.keyboard.up('Control');
    };
    await control('m');
    await tab.sees('Tab leaves the terminal', '.terminal-foot');
    await tab.page.keyboard.press('Tab');
    expect(await tab.focus()).not.toMatch(/^textarea/);
    await tab.tabTo('textarea Terminal', 'back');
    await tab.tabTo(/^button End/, 'back');
    await tab.tabTo('textarea Terminal');
    await control('f');
    await tab.page.waitForSelector('.search-bar');
    await tab.page.keyboard.type('needle');
    await tab.page.keyboard.press('Enter');
    await tab.page.waitForSelector('.xterm-selection div');
    await tab.page.keyboard.type('xx');
    await tab.sees('Not found', '.search-bar');
    await tab.page.keyboard.press('Escape');
    await waitFor('the terminal', async () => (await tab.focus()) === 'textarea Terminal');
    expect(board.session(0).input).toBe('\t');
  });

  test('is ended for good only after a question', async () => {
    await tab.openTerminal();
    await tab.press('End');
    await tab.sees('End this session?', 'dialog');
    await tab.press('Keep it');
    expect(board.session(0).requests.some(({ kind }) => kind === 'terminate')).toBe(false);
    await tab.press('End');
    await tab.press('End the session');
    await tab.sees('Ended: ended by its owner', '.view-line');
  });

  test('a log is text with a search: its end is followed until somebody looks up', async () => {
    await openLog();
    expect(board.session(0).parameters).toEqual({ path: '/var/log/syslog', lines: '200' });
    const numbered = Array.from(
      { length: 30_000 },
      (_, number) => `line ${number}${number === 29_000 ? ' needle <b>' : ''}\n`,
    );
    board.session(0).print(numbered.join(''));
    await tab.sees('line 29999', '.log');
    expect(await tab.page.$$eval('.log .row', (rows) => rows.length)).toBeLessThanOrEqual(120);
    await tab.sees(/older ones let go/, '.terminal-foot');
    await tab.page.focus('.log');
    await tab.page.keyboard.down('Control');
    await tab.page.keyboard.press('f');
    await tab.page.keyboard.up('Control');
    await tab.page.type('.search-bar input', 'NEEDLE');
    await tab.sees('1 of 1', '.search-bar');
    await tab.sees('line 29000 needle <b>', '.log .marked');
    board.session(0).print('the newest\n');
    await tab.press('Follow the end');
    await tab.sees('the newest', '.log');
    await waitFor('all to be told as shown', () => viewOf(0).shown === viewOf(0).sent);
  });

  test('is read out by a screen reader where that is asked for', async () => {
    await tab.openTerminal();
    expect(await tab.page.$('.xterm-accessibility')).toBeNull();
    await tab.page.click('[role=switch]');
    await tab.page.waitForSelector('.xterm-accessibility');
  });
});

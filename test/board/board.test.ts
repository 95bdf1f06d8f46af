import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import type { LiveMessage } from '#client/board/wire/live.js';
import { waitFor } from '#test/support/wait-for.js';
import { BoardTab } from './board-tab.js';
import { sayBusyBoard } from './busy-board.js';
import { describeInChromium, startChromium } from './chromium.js';
import { FakeBoard } from './fake-board.js';
import { sampleEvent, sampleLane, sampleNode, samplePod, sampleRestart } from './samples.js';

describeInChromium()('the board in Chromium', () => {
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

  test('trades the token of its address for a key, leaves no trace of it, and says how to get one without', async () => {
    await tab.sees('kind-staging', 'header');
    expect(tab.page.url()).toBe(board.address);
    expect(await tab.page.evaluate(() => [history.length, localStorage.length, document.cookie])).toEqual([2, 0, '']);
    await tab.page.reload();
    await tab.sees('kind-staging', 'header');
    const stranger = await BoardTab.open(browser, board, '');
    await stranger.sees('panelet board');
    expect(board.pages).toBe(1);
    await stranger.page.goto(`${board.address}#token=used`);
    await stranger.page.reload();
    await stranger.sees('This token was used already.');
    await stranger.close();
  });

  test('asks for a new key, and no longer for news, when the server does not know its key', async () => {
    await tab.sees('Live', 'header');
    board.key = 'another';
    await board.stop();
    await board.start();
    await tab.sees('does not know the key');
    await tab.page.reload();
    await tab.sees('This page needs a key');
  });

  test('shows each pod of a restart on its lane, until it has arrived', async () => {
    const stages = () =>
      tab.page.evaluate(() =>
        [...document.querySelectorAll('.lane .track')].map((each) => each.getAttribute('aria-label')!.split(';')[0]),
      );
    await tab.sees('panelet-agent-3', '.lanes');
    expect(await stages()).toEqual(['Failed', 'Gone', 'Draining', 'Warm', 'Claimed']);
    const lanes = [sampleLane(3, { stage: 'Gone', step: 'Killed' })];
    const counts = { total: 24, pending: 17, succeeded: 3, failed: 1, retiring: 0 };
    board.say({ kind: 'restarts', changed: [sampleRestart('panelet-agent-7f2c', { lanes, counts })], gone: [] });
    await waitFor('the pod to move on its lane', async () => (await stages()).includes('Succeeded'));
    expect(await stages()).toEqual(['Gone', 'Succeeded']);
    await tab.sees('3 of 24 done', '.progress');
  });

  test('plans before it restarts, by keyboard alone, and shows a refusal', async () => {
    await tab.tabTo('button Plan a restart');
    await tab.page.keyboard.press('Enter');
    await tab.sees('What to restart', 'dialog');
    const isRestartDisabled = () => tab.page.$eval('dialog .actions button:last-child', (button) => button.disabled);
    expect(await isRestartDisabled()).toBe(true);
    await tab.tabTo(/^input/);
    await tab.page.keyboard.type('new image');
    await tab.tabTo('button Plan');
    await tab.page.keyboard.press('Enter');
    await tab.sees('Nothing would be lost.', 'dialog');
    expect(board.asked).toEqual([{ path: '/plan', body: { target: 'panelet-agent', reason: 'new image' } }]);
    expect(await isRestartDisabled()).toBe(false);
    board.refusal = { code: 'FORBIDDEN', text: 'you may not create panelrestarts' };
    await tab.tabTo('button Restart');
    await tab.page.keyboard.press('Enter');
    await tab.sees('you may not create panelrestarts', 'dialog [role=alert]');
    board.refusal = null;
    await tab.tabTo('button Restart');
    await tab.page.keyboard.press('Enter');
    await waitFor('the dialog to be closed', async () => (await tab.page.$('dialog')) === null);
    expect(board.asked.at(-1)).toEqual({ path: '/restart', body: { target: 'panelet-agent', reason: 'new image' } });
    expect(await tab.focus()).toBe('button Plan a restart');
  });

  test('pauses, resumes and aborts by keyboard alone; Escape says no, and gives the focus back', async () => {
    await tab.tabTo('button Pause');
    await tab.page.keyboard.press('Enter');
    await waitFor('the pause', () => board.asked.length === 1);
    board.say({ kind: 'restarts', changed: [sampleRestart('panelet-agent-7f2c', { paused: true })], gone: [] });
    await tab.sees('Paused', '.restart');
    await tab.tabTo('button Resume');
    await tab.page.keyboard.press('Enter');
    await waitFor('the resume', () => board.asked.length === 2);
    await tab.tabTo('button Abort');
    await tab.page.keyboard.press('Enter');
    await tab.sees('Abort this restart?', 'dialog');
    await tab.page.keyboard.press('Escape');
    await waitFor('no dialog', async () => (await tab.page.$('dialog')) === null);
    expect(await tab.focus()).toBe('button Abort');
    await tab.page.keyboard.press('Enter');
    await tab.sees('Abort this restart?', 'dialog');
    await tab.tabTo('button Abort');
    await tab.page.keyboard.press('Enter');
    await waitFor('the abort', () => board.asked.length === 3);
    const restart = 'panelet-agent-7f2c';
    expect(board.asked).toEqual(['/pause', '/resume', '/abort'].map((path) => ({ path, body: { restart } })));
  });

  test('has few rows for five thousand nodes, finds one of them, and asks for what is on the screen', async () => {
    const pods = Array.from({ length: 5_000 }, (_, index) => samplePod(index + 1));
    board.say({ kind: 'pods', changed: pods, gone: [] });
    await tab.sees('5000', '.nodes .heading');
    const rows = () => tab.page.$$eval('li, tr, [role=row]', (all) => all.length);
    expect(await rows()).toBeLessThanOrEqual(200);
    await tab.tabTo(/^row node-/);
    await tab.page.keyboard.press('End');
    await waitFor('the last row', async () => (await tab.focus()).startsWith('row node-5000'));
    await waitFor('what is shown', () => board.shows.at(-1)?.includes('node-5000') === true);
    expect(await rows()).toBeLessThanOrEqual(200);
    await tab.page.type('input[type=search]', '4321');
    await tab.sees('1 of 5000', '.nodes .heading');
    await waitFor('what is asked for', () => board.shows.at(-1)?.join() === 'node-4321');
    board.say({ kind: 'node', node: sampleNode(4_321, { version: '7.7.7' }) });
    await tab.tabTo(/^row node-4321/);
    await tab.page.keyboard.press('Enter');
    await tab.sees('Open terminal', '.detail');
    await tab.tabTo('button Close');
    await tab.page.keyboard.press('Escape');
    await waitFor('the row', async () => (await tab.focus()).startsWith('row node-4321'));
  });

  test('stays quick while it is flooded with news', async () => {
    await tab.sees('Live', 'header');
    await tab.page.evaluate(() => {
      const waits: number[] = [];
      Object.assign(window, { waits });
      let last = performance.now();
      setInterval(() => {
        waits.push(performance.now() - last);
        last = performance.now();
      }, 10);
    });
    for (let round = 0; round < 100; round++) {
      const messages: LiveMessage[] = Array.from({ length: 30 }, (_, index) => ({
        kind: 'events',
        events: [
          sampleEvent(1_000 + round * 30 + index, { at: new Date(Date.now() + round * 30 + index).toISOString() }),
        ],
      }));
      board.say(...messages, {
        kind: 'pods',
        changed: [samplePod(1 + (round % 24), { ready: round % 2 === 0 })],
        gone: [],
      });
    }
    await tab.sees('panelet-agent-3999', '.events');
    expect(await tab.page.$$eval('.event', (all) => all.length)).toBe(60);
    const longest = await tab.page.evaluate(() => Math.max(...(window as unknown as { waits: number[] }).waits));
    process.stdout.write(`3,100 messages: the page stood still for ${Math.round(longest)} ms at most.\n`);
  });

  test('shows what others have written as text, whatever it is', async () => {
    const huge = 'x'.repeat(1 << 20);
    const script = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>';
    board.say(
      {
        kind: 'pods',
        changed: [samplePod(901, { node: script, name: script }), samplePod(902, { node: huge })],
        gone: [],
      },
      {
        kind: 'restarts',
        changed: [
          sampleRestart('z', {
            name: script,
            reason: '\u202egnp.exe',
            sentences: [script, huge],
            target: huge,
            createdAt: '2099-01-01T00:00:00Z',
            lanes: [sampleLane(1, { pod: script, text: 'a\u0007b', holders: [huge] })],
          }),
        ],
        gone: [],
      },
      {
        kind: 'events',
        events: [sampleEvent(7_000, { at: '2099-01-01T00:00:00Z', text: script, reason: huge, about: '\u2066x' })],
      },
      { kind: 'trouble', of: 'pods', text: script },
    );
    await tab.sees(script, '.restart h3');
    await tab.sees('because: ⟨202E⟩gnp.exe', '.restart');
    await tab.sees('a␇b', '.lane');
    await tab.sees(script, '.troubles');
    await tab.page.type('input[type=search]', 'onerror');
    await tab.page.waitForSelector('.node-list [role=row][tabindex="0"]');
    await tab.page.click('.node-list [role=row][tabindex="0"]');
    await tab.sees(script.slice(0, 60), '.detail h3');
    expect(await tab.page.evaluate(() => (window as unknown as { harmed?: number }).harmed)).toBeUndefined();
    expect(await tab.page.$('main img, main script')).toBeNull();
    expect((await tab.text()).length).toBeLessThan(40_000);
    const isTooWide = await tab.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(isTooWide).toBe(false);
  });

  test('says when its server is lost, comes back by itself, and forgets what is gone meanwhile', async () => {
    await tab.sees('24', '.nodes .heading');
    await board.stop();
    await tab.sees('Board not reached', 'header');
    await tab.sees('node-1', '.node-list');
    board.forget();
    board.say({ kind: 'pods', changed: [samplePod(77)], gone: [] });
    await board.start();
    await tab.sees('Live', 'header');
    await waitFor('the nodes of now', async () => (await tab.text('.node-list')).includes('node-77'));
    expect(await tab.text('.node-list')).not.toContain('node-1\n');
    await tab.sees('Connected again', '[role=status]');
  });
});

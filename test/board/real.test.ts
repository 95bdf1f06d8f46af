import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { WebSocket } from 'ws';
import { wrongKeyCloseCode } from '#client/board/wire/close-codes.js';
import type { KeyAnswer } from '#client/board/wire/requests.js';
import { askPort, type PortAnswer } from '#test/support/ask-port.js';
import { startBoardCluster, type BoardCluster } from '#test/support/board-cluster.js';
import { startBoardProcess, type BoardProcess } from '#test/support/board-process.js';
import { cliProgram } from '#test/support/cli-user.js';
import { agentPidsOf, areAgentsReady, kubectl } from '#test/support/devcluster-process.js';
import { waitFor } from '#test/support/wait-for.js';
import { BoardTab } from './board-tab.js';
import { describeInChromium, startChromium } from './chromium.js';
import { lanesOf, restartCard, startRestart, watchLanes } from './restart-parts.js';
import { frame, startStranger, tryBoard, type Stranger } from './stranger.js';

jest.setTimeout(180_000);

/** In one shell: numbers each word that is typed, on one long line, so that all of it stays on the screen. */
const counting =
  'stty -echo; printf "\\033[2J\\033[H"; n=0; while read -r w; do n=$((n+1)); printf "%s" "$n=$w:$$;"; done\r';

/** As many as a screen has room for, however long the restarts take. */
const mostWords = 80;

/** What is typed into the terminal of a tab, and has to be on its screen. */
class Talk {
  readonly #tab: BoardTab;
  readonly #index: number;
  #said = 0;
  #pid = '';

  constructor(tab: BoardTab, index: number) {
    this.#tab = tab;
    this.#index = index;
  }

  async begin(): Promise<void> {
    await this.#tab.typeIn(this.#index, counting);
    await this.say();
    await waitFor('its pid', async () => {
      this.#pid = /^1=w1:(\d+);$/.exec(await this.#screen())?.[1] ?? '';
      return this.#pid !== '';
    });
  }

  async say(): Promise<void> {
    if (this.#said === mostWords) return;
    this.#said += 1;
    await this.#tab.typeIn(this.#index, `w${this.#said}\r`);
  }

  /** Each word once, in order, from the shell that was there first. */
  get expected(): string {
    const numbers = Array.from({ length: this.#said }, (_, at) => at + 1);
    return numbers.map((number) => `${number}=w${number}:${this.#pid};`).join('');
  }

  /** What is on the screen once all of it is there, or after a while. */
  async shown(): Promise<string> {
    await waitFor('all of it', async () => (await this.#screen()).length >= this.expected.length).catch(
      () => undefined,
    );
    return this.#screen();
  }

  async #screen(): Promise<string> {
    await this.#tab.choose(this.#index);
    return (await this.#tab.terminalText()).replaceAll('\n', '').trim();
  }
}

describeInChromium()('the board of a dev cluster in Chromium', () => {
  let browser: Browser;
  let cluster: BoardCluster;
  let board: BoardProcess;
  let stranger: Stranger;
  const tabs: BoardTab[] = [];
  beforeAll(async () => {
    [browser, cluster, stranger] = await Promise.all([startChromium(), startBoardCluster(), startStranger()]);
    board = await startBoardProcess(cliProgram, ['--token-file', cluster.tokenFile('admin')], cluster.env);
  });
  afterAll(async () => {
    await browser.close();
    await stranger.close();
    board.signal('SIGTERM');
    await board.ended;
    await cluster.stop();
  });
  afterEach(async () => {
    const used = tabs.splice(0);
    for (const tab of used) await tab.close();
    for (const tab of used) tab.mustHaveNoErrors();
  });

  const visit = async (): Promise<BoardTab> => {
    await waitFor('two Ready pods', () => areAgentsReady(cluster.dir), 60_000);
    const tab = await BoardTab.open(browser, { address: await board.freshAddress() }, '');
    tabs.push(tab);
    await tab.sees('node-b', '.node-list');
    return tab;
  };
  const keyOf = (tab: BoardTab): Promise<string> =>
    tab.page.evaluate(() => sessionStorage.getItem('panelet-board-key') ?? '');
  const gapsOf = async (tab: BoardTab): Promise<number> =>
    Number(/\bgaps\s+(\d+)/.exec(await tab.text('.gaps'))?.[1] ?? 0);

  test('what is typed in two terminals goes on through two restarts from the page and a killed agent, each word once, in the same shells', async () => {
    const tab = await visit();
    await tab.openTerminal('node-a');
    await tab.openTerminal('node-b');
    const talks = [new Talk(tab, 0), new Talk(tab, 1)];
    for (const talk of talks) await talk.begin();
    await watchLanes(tab);
    for (const reason of ['the first time', 'the second time']) {
      await startRestart(tab, reason);
      let before = '';
      const isOver = async (): Promise<boolean> => {
        const card = await restartCard(tab, reason);
        // A word in each terminal at each step of the restart, and each second of it.
        if (card.text !== before) for (const talk of talks) await talk.say();
        before = card.text;
        return card.heading.includes('Succeeded');
      };
      await waitFor(`the restart ${reason}`, isOver, 90_000);
      const isArrived = /^Succeeded; .*Draining at .*Succeeded at/;
      const arrived = async (): Promise<number> =>
        (await lanesOf(tab, reason)).filter((lane) => isArrived.test(lane)).length;
      await waitFor('both pods at the end of their lanes', async () => (await arrived()) === 2).catch(() => undefined);
      expect(await lanesOf(tab, reason)).toEqual([expect.stringMatching(isArrived), expect.stringMatching(isArrived)]);
    }
    // Each session has come to another agent twice.
    await waitFor('the gaps', async () => (await gapsOf(tab)) >= 4);
    const before = await gapsOf(tab);
    process.kill(agentPidsOf(cluster.dir)['node-a'] ?? 0, 'SIGKILL');
    for (const talk of talks) await talk.say();
    await waitFor('one more gap', async () => (await gapsOf(tab)) > before, 60_000);
    await tab.sees(/Connection cut: [1-9]\d*, p50 [\d.]+ (ms|s)/, '.gaps');
    for (const talk of talks) {
      await talk.say();
      expect(await talk.shown()).toBe(talk.expected);
    }
  });

  test('a restart is paused and then called off from the page', async () => {
    const tab = await visit();
    const reason = 'to be called off';
    const pid = agentPidsOf(cluster.dir)['node-b'] ?? 0;
    // It cannot be over before somebody has paused it.
    process.kill(pid, 'SIGSTOP');
    try {
      await startRestart(tab, reason);
      await waitFor('it', async () => (await restartCard(tab, reason)).heading.includes('Pause'));
      await tab.press('Pause');
      await waitFor('the pause', async () => (await restartCard(tab, reason)).heading.includes('Paused'));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await tab.press('Abort');
    await tab.sees('Abort this restart?', 'dialog');
    await tab.press('Abort');
    await waitFor('its end', async () => (await restartCard(tab, reason)).heading.includes('Aborted'), 60_000);
  });

  test('a page that is loaded again has its terminal again, with the same shell in it', async () => {
    const tab = await visit();
    await tab.openTerminal('node-b');
    await tab.page.keyboard.type('echo shell-$$;\r');
    await waitFor('the shell', async () => /shell-\d+/.test(await tab.terminalText()));
    const [shell = ''] = /shell-\d+/.exec(await tab.terminalText()) ?? [];
    await tab.page.reload();
    await tab.terminalShows(shell);
    await tab.typeIn(0, 'echo again-$$;\r');
    await tab.terminalShows(shell.replace('shell', 'again'));
    expect(await tab.page.$$('[role=tab]')).toHaveLength(1);
  });

  test.each([
    ['on another port', '127.0.0.1'],
    ['of another site', 'localhost'],
  ])('a page %s gets nothing by a good key, where the page of the board gets it', async (_what, host) => {
    const tab = await visit();
    const key = await keyOf(tab);
    expect(await tryBoard(tab.page, board.address, key)).toEqual({
      read: expect.stringContaining('<!doctype html>'),
      asked: expect.stringContaining('{"text":'),
      // Without a key in a header not even that page gets anything.
      askedBlindly: 'refused',
      script: 'loaded',
      socket: '{"kind":"cluster"',
    });
    const page = await tab.page.browserContext().newPage();
    const address = `http://${host}:${stranger.port}/`;
    await page.goto(address);
    expect(await frame(page, address)).toBe(address);
    const nothing = 'refused';
    expect(await tryBoard(page, board.address, key)).toEqual({
      read: nothing,
      asked: nothing,
      askedBlindly: nothing,
      script: nothing,
      socket: nothing,
    });
    expect(await frame(page, `${board.address}/`)).toBe('chrome-error://chromewebdata/');
    expect(await kubectl(cluster.dir, 'get', 'panelrestarts', '-o', 'jsonpath={.items[*].spec.reason}')).not.toContain(
      'stranger',
    );
  });

  test("a cookie that another port's page has set opens nothing", async () => {
    const tab = await visit();
    const key = await keyOf(tab);
    const page = await tab.page.browserContext().newPage();
    await page.goto(`http://127.0.0.1:${stranger.port}/`);
    await page.evaluate((value) => {
      for (const name of ['panelet-key', 'panelet-board-key', 'key']) document.cookie = `${name}=${value}; path=/`;
    }, key);
    await page.goto(`${board.address}/`);
    expect((await page.browserContext().cookies()).map(({ value }) => value)).toEqual([key, key, key]);
    await page.waitForSelector('.no-key');
    const init = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"target":"x","reason":""}',
    };
    expect(await page.evaluate(async (how) => (await fetch('/restart', how)).status, init)).toBe(401);
  });

  test('no service worker gets between the page and the board, and the board has one name', async () => {
    const tab = await visit();
    const registered = await tab.page.evaluate(() =>
      navigator.serviceWorker.register('/board.js').then(
        () => 'registered',
        (error: unknown) => String(error),
      ),
    );
    expect(registered).toMatch(/bad HTTP response code \(403\)/);
    expect(tab.errors.splice(0)).toEqual([expect.stringContaining('403')]);
    const page = await tab.page.browserContext().newPage();
    const { port } = new URL(board.address);
    expect((await page.goto(`http://localhost:${port}/`))?.status()).toBe(421);
  });

  describe('asked without a browser', () => {
    const post = (path: string, headers: Record<string, string>, body: object): Promise<PortAnswer> =>
      askPort(Number(new URL(board.address).port), { method: 'POST', path, headers, body: JSON.stringify(body) });
    const good = (): Record<string, string> => ({ origin: board.address, 'content-type': 'application/json' });
    const freshKey = async (): Promise<string> => {
      const [, token = ''] = (await board.freshAddress()).split('#token=');
      const { body } = await post('/key', good(), { token });
      return (JSON.parse(body) as KeyAnswer).key;
    };
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await post('/pause', headers, { restart: 'none' })).status;

    test.each([
      ['a wrong key', 401, { 'panelet-key': 'x'.repeat(43) }],
      ['the key in a cookie', 401, { 'panelet-key': '', cookie: 'panelet-key=KEY; panelet-board-key=KEY' }],
      ['another name', 421, { host: 'localhost' }],
      ['another origin', 403, { origin: 'http://127.0.0.1:1' }],
      ['no origin', 403, { origin: '' }],
      ['another site', 403, { 'sec-fetch-site': 'cross-site' }],
      ['a service worker', 403, { 'service-worker': 'script' }],
      ['no JSON', 415, { 'content-type': 'text/plain' }],
    ])('%s is refused', async (_what, status, change) => {
      const key = await freshKey();
      const headers = { ...good(), 'panelet-key': key };
      // It is let in, and there is no such restart.
      expect(await ask(headers)).toBe(404);
      const strange = Object.entries(change).map(([name, value]) => [name, value.replaceAll('KEY', key)] as const);
      expect(await ask({ ...headers, ...Object.fromEntries(strange) })).toBe(status);
    });

    test.each(['/live', '/session'])(
      'the WebSocket %s opens for its page only, and closes for a wrong key',
      async (path) => {
        const outcome = (origin: string): Promise<number | string> =>
          new Promise((resolve) => {
            const socket = new WebSocket(`${board.address.replace('http', 'ws')}${path}`, { origin });
            socket.on('open', () => socket.send(JSON.stringify({ kind: 'hello', key: 'wrong' })));
            socket.on('close', resolve);
            socket.on('error', (error) => resolve(error.message));
          });
        expect(await outcome(board.address)).toBe(wrongKeyCloseCode);
        expect(await outcome(`http://127.0.0.1:${stranger.port}`)).toContain('403');
      },
    );
  });
});

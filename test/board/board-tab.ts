import type { Browser, Page } from 'puppeteer-core';
import { waitFor } from '#test/support/wait-for.js';

/** A tab of the browser with the board in it, as a test handles it. */
export class BoardTab {
  readonly page: Page;
  /** What must not be there at the end: errors of the page, and what its policy refused. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      // A server that is away is told by the browser as well.
      if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket|Failed to load resource/.test(message.text()))
        this.errors.push(message.text());
    });
  }

  /** Opens the board in a window of its own, which shares nothing with others. */
  static async open(browser: Browser, board: { readonly address: string }, hash = '#token=good'): Promise<BoardTab> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    const tab = new BoardTab(page);
    await page.goto(`${board.address}${hash}`);
    return tab;
  }

  async close(): Promise<void> {
    await this.page.browserContext().close();
  }

  /** @throws where the page failed, or its policy refused something */
  mustHaveNoErrors(): void {
    if (this.errors.length > 0) throw new Error(`The page said:\n${this.errors.join('\n')}`);
  }

  /** All text of the page, or of a part of it. */
  text(selector = 'body'): Promise<string> {
    return this.page.evaluate(
      (of) => [...document.querySelectorAll<HTMLElement>(of)].map((each) => each.innerText).join('\n'),
      selector,
    );
  }

  /** Waits until a part of the page has a text. */
  async sees(text: string | RegExp, selector = 'body'): Promise<void> {
    const has = async (): Promise<boolean> => {
      const shown = await this.text(selector);
      return typeof text === 'string' ? shown.includes(text) : text.test(shown);
    };
    await waitFor(`${String(text)} in ${selector}`, has).catch(async (error: unknown) => {
      throw new Error(`${String(error)} There is:\n${await this.text(selector)}`, { cause: error });
    });
  }

  /** Clicks the button of this name: the last one, where a dialog has one as well. */
  async press(name: string): Promise<void> {
    await this.page.evaluate((wanted) => {
      const all = [...document.querySelectorAll<HTMLElement>('button, [role=tab]')];
      const found = all.filter(
        (each) => each.innerText.trim().replace(/\s+/g, ' ') === wanted && !each.matches(':disabled'),
      );
      const last = found.at(-1);
      if (last === undefined)
        throw new Error(`There is no button "${wanted}" among: ${all.map((each) => each.innerText).join(', ')}`);
      last.focus();
      last.click();
    }, name);
  }

  /** Opens a terminal of the node that is shown, or of this one, or of the first; resolves once its session is there. */
  async openTerminal(node?: string): Promise<void> {
    const before = await this.#tabs();
    if (node !== undefined || (await this.page.$('.detail')) === null) {
      const row = `.node-list [role=row]${node === undefined ? '[tabindex="0"]' : `::-p-text(${node})`}`;
      await this.page.waitForSelector(row);
      await this.page.click(row);
    }
    if (node !== undefined) await this.sees(node, '.detail h3');
    await this.sees('Open terminal', '.detail');
    await this.press('Open terminal');
    await waitFor('its tab', async () => (await this.#tabs()) > before);
    await this.sees('Live', '.view-line');
  }

  async #tabs(): Promise<number> {
    return (await this.page.$$('[role=tab]')).length;
  }

  /** Shows the session of a tab, counted from 0: its screen has the focus then. */
  async choose(tab: number): Promise<void> {
    const selector = `.tabs > [role=tab]:nth-child(${tab + 1})`;
    // Wherever it is: what stands above it grows and shrinks while a restart goes on.
    await this.page.$eval(selector, (element) => {
      (element as HTMLElement).focus();
      (element as HTMLElement).click();
    });
    await this.page.waitForSelector(`${selector}[aria-selected=true]`);
    await waitFor('the focus in the terminal', async () => (await this.focus()) === 'textarea Terminal');
  }

  /** Types into the terminal of a tab, counted from 0. */
  async typeIn(tab: number, text: string): Promise<void> {
    await this.choose(tab);
    await this.page.keyboard.type(text);
  }

  /** The text on the screen of the terminal that is shown. */
  terminalText(): Promise<string> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('.pane .xterm-rows > div')].map((row) => row.textContent).join('\n'),
    );
  }

  async terminalShows(text: string): Promise<void> {
    await waitFor(`${text} in the terminal`, async () => (await this.terminalText()).includes(text)).catch(
      async (error: unknown) => {
        throw new Error(`${String(error)} There is:\n${await this.terminalText()}`, { cause: error });
      },
    );
  }

  /** What has the focus: its role or tag, and its name. */
  focus(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      if (element === null) return '';
      const name = element.getAttribute('aria-label') ?? element.innerText.trim().replace(/\s+/g, ' ').slice(0, 60);
      return `${element.getAttribute('role') ?? element.tagName.toLowerCase()} ${name}`.trim();
    });
  }

  /** Presses Tab until something has the focus. */
  async tabTo(what: string | RegExp, key: 'forward' | 'back' = 'forward'): Promise<void> {
    const seen: string[] = [];
    for (let count = 0; count < 120; count++) {
      const focus = await this.focus();
      if (typeof what === 'string' ? focus === what : what.test(focus)) return;
      seen.push(focus);
      if (key === 'back') await this.page.keyboard.down('Shift');
      await this.page.keyboard.press('Tab');
      if (key === 'back') await this.page.keyboard.up('Shift');
    }
    throw new Error(`Tab never comes to ${String(what)}. It came to:\n${seen.join('\n')}`);
  }
}

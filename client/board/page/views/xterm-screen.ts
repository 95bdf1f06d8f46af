import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal, type ITheme } from '@xterm/xterm';
import { signal } from '@preact/signals';
import { interpretAlike } from '#common/terminal/interpret-alike.js';
import { webLink } from './web-link.js';
import type { ScreenEvents, ScreenSize, ViewScreen } from './view-screen.js';

/** How a terminal looks and behaves, as the page has it set. */
export interface XtermLooks {
  readonly theme: ITheme;
  readonly isReadOut: boolean;
  readonly fontPx: number;
}

/** A terminal of the page. Its widths of characters are those of the terminals in workers. */
export class XtermScreen implements ViewScreen {
  /** With it, Tab leaves the terminal instead of being typed. */
  readonly tabLeaves = signal(false);
  /** Where somebody searches. */
  readonly isSearching = signal(false);
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  #decoder = newDecoder();
  /** What is read now was seen before. */
  #isSilent = false;

  constructor(events: ScreenEvents, size: ScreenSize, looks: XtermLooks) {
    const terminal = new Terminal({
      cols: size.columns,
      rows: size.rows,
      scrollback: 5_000,
      allowProposedApi: true,
      minimumContrastRatio: 4.5,
      fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      // Only what a person agreed to is opened; other schemes are no links at all.
      linkHandler: { activate: (_event, text) => this.#follow(text, events), allowNonHttpProtocols: false },
    });
    this.#terminal = terminal;
    interpretAlike(terminal);
    // A program may not write to the clipboard, and not read it.
    terminal.parser.registerOscHandler(52, () => true);
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.loadAddon(new WebLinksAddon((_event, text) => this.#follow(text, events)));
    terminal.attachCustomKeyEventHandler((event) => this.#isForTerminal(event));
    terminal.onData((text) => events.typed(text));
    this.#holdAnswers(terminal);
    terminal.onResize(({ cols, rows }) => events.resized({ columns: cols, rows }));
    terminal.onTitleChange((title) => events.titled(title));
    this.look(looks);
  }

  get size(): ScreenSize {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  write(bytes: Uint8Array, shown: () => void, wasSeen = false): void {
    // In its turn, as what was written before may not have been read yet.
    this.#terminal.write('', () => (this.#isSilent = wasSeen));
    // The interpreter's own decoder loses the joiner of a family that is cut in two. It takes a few milliseconds at a time by itself.
    this.#terminal.write(this.#decoder.decode(bytes, { stream: true }), shown);
  }

  reset(): void {
    this.#decoder = newDecoder();
    this.#terminal.reset();
  }

  /** Shows the terminal in an element, which it fills from now on. */
  openIn(element: HTMLElement): void {
    const own = this.#terminal.element;
    if (own === undefined) this.#terminal.open(element);
    else element.append(own);
    this.#terminal.textarea?.setAttribute('aria-label', 'Terminal');
    this.fit();
  }

  /** Takes the size that the element allows; not while it is not shown, nor while it is on its way to another size. */
  fit(): void {
    const asked = this.#fit.proposeDimensions();
    if (asked === undefined || !(asked.cols >= leastColumns) || asked.rows < 1) return;
    this.#fit.fit();
  }

  focus(): void {
    this.#terminal.focus();
  }

  look({ theme, isReadOut, fontPx }: XtermLooks): void {
    Object.assign(this.#terminal.options, { theme, screenReaderMode: isReadOut, fontSize: fontPx });
  }

  /** Goes to the next place that has a text, or the one before; false where there is none. */
  find(text: string, direction: 'next' | 'previous'): boolean {
    return direction === 'next' ? this.#search.findNext(text) : this.#search.findPrevious(text);
  }

  stopSearching(): void {
    this.isSearching.value = false;
    this.#search.clearDecorations();
    this.focus();
  }

  dispose(): void {
    this.#terminal.dispose();
  }

  /** Programs ask a terminal what it is, where it is and how it is set. What has been answered is not typed into the session again. */
  #holdAnswers({ parser }: Terminal): void {
    const isHeld = (): boolean => this.#isSilent;
    for (const id of questions) parser.registerCsiHandler(id, isHeld);
    parser.registerDcsHandler({ intermediates: '$', final: 'q' }, isHeld);
    for (const color of colors) parser.registerOscHandler(color, (text) => this.#isSilent && text.includes('?'));
  }

  /** What the page takes for itself, and what it leaves to the program. */
  #isForTerminal(event: KeyboardEvent): boolean {
    const isChord = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    const key = event.key.toLowerCase();
    if (isChord && (key === 'm' || key === 'f')) {
      event.preventDefault();
      if (event.type !== 'keydown' || event.repeat) return false;
      if (key === 'f') this.isSearching.value = true;
      else this.tabLeaves.value = !this.tabLeaves.value;
      return false;
    }
    return !(event.key === 'Tab' && this.tabLeaves.value);
  }

  #follow(text: string, events: ScreenEvents): void {
    const link = webLink(text);
    if (link !== null) events.followed(link);
  }
}

/** What is narrower breaks the lines of programs for good. */
const leastColumns = 10;
/** Device attributes, status reports, modes and the version. */
const questions = [
  ...['c', 'n'].flatMap((final) =>
    [{}, { prefix: '?' }, { prefix: '>' }, { prefix: '=' }].map((prefix) => ({ ...prefix, final })),
  ),
  ...[{}, { prefix: '?' }].map((prefix) => ({ ...prefix, intermediates: '$', final: 'p' })),
  { prefix: '>', final: 'q' },
];
/** OSC that set a color, or ask for one. */
const colors = [4, 10, 11, 12];
const newDecoder = (): TextDecoder => new TextDecoder('utf-8', { ignoreBOM: true });

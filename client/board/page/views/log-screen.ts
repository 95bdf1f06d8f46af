import { signal } from '@preact/signals';
import type { Clock } from '#common/time/clock.js';
import { LogLines } from './log-lines.js';
import type { ScreenSize, ViewScreen } from './view-screen.js';

/** A log as lines of text. */
export class LogScreen implements ViewScreen {
  readonly size: ScreenSize = { columns: 80, rows: 24 };
  readonly lines = new LogLines();
  /** Changes when the lines have. */
  readonly version = signal(0);
  readonly isSearching = signal(false);
  readonly #clock: Clock;
  #decoder = newDecoder();
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  write(bytes: Uint8Array, shown: () => void): void {
    this.lines.push(this.#decoder.decode(bytes, { stream: true }));
    if (this.#waiting.push(shown) === 1) this.#clock.after(drawMs, () => this.#draw());
  }

  reset(): void {
    this.#decoder = newDecoder();
    this.lines.clear();
    this.version.value += 1;
  }

  dispose(): void {
    this.#waiting = [];
  }

  /** Once for all that came meanwhile: the server sends more when it is drawn. */
  #draw(): void {
    const shown = this.#waiting;
    this.#waiting = [];
    this.version.value += 1;
    for (const each of shown) each();
  }
}

const drawMs = 30;
const newDecoder = (): TextDecoder => new TextDecoder('utf-8', { ignoreBOM: true });

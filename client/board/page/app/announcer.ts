import { signal } from '@preact/signals';
import type { Clock } from '#common/time/clock.js';

/** For so long what happens is collected, and read out together. */
const collectMs = 1_000;
const mostAtOnce = 4;

/** Tells people who listen to the page what has changed, politely and not more often than they can hear. */
export class Announcer {
  readonly text = signal('');
  readonly #clock: Clock;
  #waiting: string[] = [];
  #isCollecting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tell(sentence: string): void {
    if (!this.#waiting.includes(sentence)) this.#waiting.push(sentence);
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    this.#clock.after(collectMs, () => this.#say());
  }

  #say(): void {
    this.#isCollecting = false;
    const said = this.#waiting.slice(0, mostAtOnce);
    const more = this.#waiting.length - said.length;
    this.#waiting = [];
    this.text.value = [...said, ...(more > 0 ? [`${more} more changes`] : [])].join('. ');
  }
}

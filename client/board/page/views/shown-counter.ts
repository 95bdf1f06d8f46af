import type { Clock, Timer } from '#common/time/clock.js';

/** Bytes shown that are not told of yet: at so many it is told at once, else after so long. */
const mostUntold = 32 * 1024;
const untoldMs = 40;

/** Counts bytes of one connection that have come to the screen, and tells the server of it, not for each of them. */
export class ShownCounter {
  readonly #clock: Clock;
  readonly #tell: (bytes: number) => void;
  #shown = 0;
  #told = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, tell: (bytes: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(bytes: number): void {
    this.#shown += bytes;
    if (this.#shown - this.#told >= mostUntold) this.#tellNow();
    else this.#timer ??= this.#clock.after(untoldMs, () => this.#tellNow());
  }

  stop(): void {
    this.#timer?.stop();
  }

  #tellNow(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    this.#told = this.#shown;
    this.#tell(this.#shown);
  }
}

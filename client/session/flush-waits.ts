import type { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';

/** The waits for everything written to be acknowledged. */
export class FlushWaits {
  readonly #isFlushed: () => boolean;
  #waiting: Latch<void>[] = [];

  constructor(isFlushed: () => boolean) {
    this.#isFlushed = isFlushed;
  }

  wait(): Promise<void> {
    if (this.#isFlushed()) return Promise.resolve();
    const latch = createLatch();
    this.#waiting.push(latch);
    return latch.promise;
  }

  /** Something was acknowledged. */
  check(): void {
    if (this.#waiting.length === 0 || !this.#isFlushed()) return;
    for (const latch of this.#takeWaiting()) latch.resolve();
  }

  reject(error: PaneletError): void {
    for (const latch of this.#takeWaiting()) latch.reject(error);
  }

  #takeWaiting(): readonly Latch<void>[] {
    const latches = this.#waiting;
    this.#waiting = [];
    return latches;
  }
}

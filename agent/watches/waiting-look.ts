import { createChanges } from '#common/changes.js';
import type { Clock, Timer } from '#common/time/clock.js';
import type { WaitingAgent } from '#proto/gate/v1/gate.js';

/** What looking needs. */
export interface WaitingLookDeps {
  readonly clock: Clock;
  readonly read: () => Promise<readonly WaitingAgent[]>;
}

/** Nobody says when agents begin to wait, or when the configuration became another one: how often that is looked for, in milliseconds. */
const everyMs = 2_000;

/** The agents of the node that cannot start beside this one, looked for again and again while somebody wants to know. */
export class WaitingLook {
  readonly #deps: WaitingLookDeps;
  readonly #looked = createChanges();
  #users = 0;
  #timer: Timer | undefined;
  /** A look of the timer's is under way; the next one is due after it. */
  #isLooking = false;
  #found: readonly WaitingAgent[] = [];

  constructor(deps: WaitingLookDeps) {
    this.#deps = deps;
  }

  /** As of the last look. */
  get found(): readonly WaitingAgent[] {
    return this.#found;
  }

  /** Looks now. */
  async look(): Promise<readonly WaitingAgent[]> {
    return (this.#found = await this.#deps.read());
  }

  /** Calls back after every look, until the returned function is called. */
  subscribe(callback: () => void): () => void {
    const unsubscribe = this.#looked.subscribe(callback);
    this.#users++;
    this.#arm();
    let isThere = true;
    return () => {
      if (isThere) this.#users--;
      isThere = false;
      unsubscribe();
      if (this.#users > 0) return;
      this.#timer?.stop();
      this.#timer = undefined;
    };
  }

  #arm(): void {
    if (this.#isLooking) return;
    this.#timer ??= this.#deps.clock.after(everyMs, () => {
      this.#timer = undefined;
      this.#isLooking = true;
      // What cannot be read now stays as it was.
      void this.look()
        .catch(() => undefined)
        .then(() => {
          this.#isLooking = false;
          this.#looked.notify();
          if (this.#users > 0) this.#arm();
        });
    });
  }
}

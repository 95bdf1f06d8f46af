import type { Random } from '#common/random.js';
import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Move } from '#proto/session/v1/session.js';

/** One attempt to follow a wish. */
export interface MoveAttempt {
  readonly move: Move;
  /** Attempts for this wish so far, this one included. */
  readonly attempt: number;
  /** Aborts when the wish is none any more. */
  readonly signal: AbortSignal;
}

/** What attempts to move are made with. */
export interface MoveAttemptsDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the next attachment. Resolves once it waits for its Welcome; whoever opened it tells how it fares. */
  readonly open: (attempt: MoveAttempt) => Promise<void>;
}

// The current attachment goes on meanwhile, so nothing hurries.
const spacing = { initialMs: 100, maxMs: 1000 } as const;

/** Follows the wish of a worker that its client goes on over another agent: one attempt at a time, until the wish is dropped. */
export class MoveAttempts {
  readonly #deps: MoveAttemptsDeps;
  readonly #backoff: Backoff;
  #wish: { readonly move: Move; readonly dropped: AbortController } | undefined;
  #attempt = 0;
  #isUnderWay = false;
  #timer: Timer | undefined;

  constructor(deps: MoveAttemptsDeps) {
    this.#deps = deps;
    this.#backoff = createBackoff(deps.random, spacing);
  }

  /** The worker wishes it. An attempt that is under way is for this wish as well. */
  wished(move: Move): void {
    this.#wish = { move, dropped: this.#wish?.dropped ?? new AbortController() };
    if (this.#isUnderWay) return;
    this.#attempt = 0;
    this.#backoff.reset();
    this.#begin();
  }

  /** An attempt came to nothing; another one follows. @param afterMs at the earliest, in milliseconds. @default a growing delay */
  failed(afterMs?: number): void {
    if (this.#wish === undefined) return;
    this.#isUnderWay = false;
    this.#timer?.stop();
    this.#timer = this.#deps.clock.after(afterMs ?? this.#backoff.nextMs(), () => this.#begin());
  }

  /** The wish is fulfilled, or none any more: no attempt begins, and one that has no attachment yet is called off. */
  drop(): void {
    this.#timer?.stop();
    this.#wish?.dropped.abort(new Error('Nobody wishes that the session moves any more.'));
    this.#wish = undefined;
    this.#isUnderWay = false;
  }

  #begin(): void {
    const wish = this.#wish;
    if (wish === undefined) return;
    this.#timer?.stop();
    this.#isUnderWay = true;
    this.#attempt += 1;
    const { signal } = wish.dropped;
    this.#deps.open({ move: wish.move, attempt: this.#attempt, signal }).catch(() => {
      if (!signal.aborted) this.failed();
    });
  }
}

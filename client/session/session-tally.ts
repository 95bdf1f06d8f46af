import type { Clock } from '#common/time/clock.js';
import type { ClientLink } from '#session/client/client-link.js';
import type { SessionStats } from './panelet-session.js';

const keptGaps = 1000;

/** Counts what happens to one session at this client. */
export class SessionTally {
  readonly #link: ClientLink;
  readonly #clock: Clock;
  #endpoint: ClientLink['endpoint'];
  /** Of endpoints that were replaced. */
  #earlierDuplicates = 0;
  #awaySinceMs = 0;
  #gapsMs: readonly number[] = [];
  #resumes = 0;
  #moves = 0;
  #losses = 0;
  #pingMs: number | undefined;

  constructor(link: ClientLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.#endpoint = link.endpoint;
  }

  /** The attachment is gone. */
  away(): void {
    this.#awaySinceMs = this.#clock.nowMs();
  }

  /** Attached, after having been away. @returns the time without an attachment, in milliseconds */
  resumed(): number {
    const gapMs = this.#clock.nowMs() - this.#awaySinceMs;
    this.#gapsMs = [...this.#gapsMs, gapMs].slice(-keptGaps);
    this.#resumes++;
    return gapMs;
  }

  /** Attached by another way, and never away. */
  moved(): void {
    this.#moves++;
  }

  /** The link may have replaced its endpoint: what the one before has counted is kept. */
  followEndpoint(): void {
    if (this.#link.endpoint === this.#endpoint) return;
    this.#earlierDuplicates += this.#endpoint.duplicates;
    this.#endpoint = this.#link.endpoint;
  }

  lost(): void {
    this.#losses++;
  }

  pinged(ms: number): void {
    this.#pingMs = ms;
  }

  /** All counts but those of bytes. */
  stats(): Omit<SessionStats, 'bytesIn' | 'bytesOut'> {
    return {
      gapsMs: this.#gapsMs,
      resumes: this.#resumes,
      moves: this.#moves,
      duplicates: this.#earlierDuplicates + this.#link.endpoint.duplicates,
      losses: this.#losses,
      pingMs: this.#pingMs,
    };
  }
}

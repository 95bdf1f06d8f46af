import type { Clock, Timer } from '#common/time/clock.js';
import type { Frames } from '#proto/session/v1/session.js';
import type { SessionAttachment } from './attachment.js';

/** How long a client may take to confirm the Welcome of its next attachment, in milliseconds. */
const confirmMs = 2_000;

/**
 * The attachment of a client that has moved to its next one. It is ended once the client has said something over that
 * one, which shows that the Welcome has arrived: what ends first is never the only one that works.
 */
export class FormerAttachment {
  readonly #clock: Clock;
  #held: { readonly attachment: SessionAttachment; readonly last: Frames; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps an attachment until `end`, or for two seconds. @param last message that it ends with */
  keep(attachment: SessionAttachment, last: Frames): void {
    this.end();
    this.#held = { attachment, last, timer: this.#clock.after(confirmMs, () => this.end()) };
  }

  /** True for the one that is kept: what its client still says over it comes again over the next one. */
  has(attachment: SessionAttachment): boolean {
    return this.#held?.attachment === attachment;
  }

  /** Ends the one that is kept, if there is one, with its last message and OK. */
  end(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.timer.stop();
    held?.attachment.finish([held.last]);
  }
}

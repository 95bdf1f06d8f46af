import type { ChannelLease } from '../connect/channel-pool.js';
import type { Attachment } from './attachment.js';

/** An attachment, and the share of a channel that it uses. */
export interface HeldAttachment {
  readonly attachment: Attachment;
  readonly lease: ChannelLease;
  /** When its Hello went out, by the session's clock. */
  readonly openedMs: number;
}

/**
 * The attachment of a session that is current, the next one while the session moves, and the one before, which is only
 * read. Says which is which; what follows from their ends is the owner's.
 */
export class AttachmentPair {
  #current: HeldAttachment | undefined;
  #next: HeldAttachment | undefined;
  #former: HeldAttachment | undefined;

  /** The one that sends, or that waits for its Welcome while no other is there. */
  get current(): HeldAttachment | undefined {
    return this.#current;
  }

  /** Takes one that begins: the next one where there is a current one. One that is only read is given up. */
  add(held: HeldAttachment): void {
    drop(this.#former);
    this.#former = undefined;
    if (this.#current === undefined) this.#current = held;
    else this.#next = held;
  }

  /** One was welcomed: a next one becomes the current one, and the one before is only read. */
  welcomed(held: HeldAttachment): void {
    if (held !== this.#next) return;
    this.#former = this.#current;
    this.#current = held;
    this.#next = undefined;
    this.#former?.attachment.outlive();
  }

  /** One has ended. Where it was the current one, the next one is that from now on. @returns which it was */
  ended(held: HeldAttachment): 'current' | 'next' | 'former' {
    if (held === this.#current) {
      this.#current = this.#next;
      this.#next = undefined;
      return 'current';
    }
    if (held === this.#next) {
      this.#next = undefined;
      return 'next';
    }
    this.#former = undefined;
    return 'former';
  }

  /** True while the current or the next one is open on this channel. */
  uses(channel: ChannelLease['client']): boolean {
    return [this.#current, this.#next].some((held) => held?.lease.client === channel);
  }

  /** Cuts those that are not the current one. */
  stopOthers(): void {
    drop(this.#next);
    drop(this.#former);
    this.#next = undefined;
    this.#former = undefined;
  }

  /** Cuts all. */
  stop(): void {
    this.stopOthers();
    drop(this.#current);
    this.#current = undefined;
  }
}

function drop(held: HeldAttachment | undefined): void {
  held?.attachment.stop();
  held?.lease.release();
}

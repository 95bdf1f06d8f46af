import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Channel, Event } from '#proto/session/v1/session.js';
import type { Endpoint } from '#session/endpoint/endpoint.js';
import { defaultLimits } from '#session/codec/limits.js';

/** Something to write, in the order of the calls. */
export type OutboxEntry =
  | { readonly kind: 'data'; readonly channel: Channel; readonly bytes: Uint8Array }
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'fin' };

interface Waiting {
  entry: OutboxEntry;
  readonly latch: Latch<void>;
  /** Data bytes that the endpoint has taken. */
  taken: number;
}

/**
 * Holds what does not fit into the replay buffer, so that writers wait without losing their order: first in, first out. A resize
 * that waits is replaced by one that follows it.
 */
export class Outbox {
  readonly #queue: Waiting[] = [];
  #closed: PaneletError | undefined;
  #bytesOut = 0;

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** Data bytes that an endpoint has taken so far. */
  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** @returns a promise that resolves once the endpoint has taken it. */
  add(entry: OutboxEntry): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const tail = this.#queue.at(-1);
    if (tail !== undefined && isResize(entry) && isResize(tail.entry)) {
      tail.entry = entry;
      return tail.latch.promise;
    }
    const waiting: Waiting = { entry, latch: createLatch(), taken: 0 };
    this.#queue.push(waiting);
    return waiting.latch.promise;
  }

  /** Moves entries into the endpoint as far as it takes them. @returns true when it took any. */
  pump(endpoint: Endpoint): boolean {
    let moved = false;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const before = head.taken;
      try {
        const whole = this.#take(head, endpoint);
        moved ||= whole || head.taken > before;
        if (!whole) return moved;
        head.latch.resolve();
      } catch (error) {
        head.latch.reject(PaneletError.from(error));
      }
      this.#queue.shift();
    }
    return moved;
  }

  /** Numbering has started again: an entry of which a part was numbered before is dropped with the error. */
  dropPartial(error: PaneletError): void {
    if (this.#queue[0] !== undefined && this.#queue[0].taken > 0) this.#queue.shift()?.latch.reject(error);
  }

  /** Rejects everything, now and from now on. */
  close(error: PaneletError): void {
    this.#closed ??= error;
    for (const waiting of this.#queue.splice(0)) waiting.latch.reject(error);
  }

  #take(waiting: Waiting, endpoint: Endpoint): boolean {
    switch (waiting.entry.kind) {
      case 'data':
        return this.#takeData(waiting, waiting.entry, endpoint);
      case 'event':
        return takeEvent(waiting.entry.event, endpoint);
      case 'fin':
        endpoint.writeFin();
        return true;
    }
  }

  #takeData(waiting: Waiting, { channel, bytes }: OutboxEntry & { kind: 'data' }, endpoint: Endpoint): boolean {
    while (waiting.taken < bytes.length) {
      if (!endpoint.canWrite()) return false;
      const slice = bytes.subarray(waiting.taken, waiting.taken + defaultLimits.maxDataBytes);
      endpoint.writeData(channel, slice);
      waiting.taken += slice.length;
      this.#bytesOut += slice.length;
    }
    return true;
  }
}

function isResize(entry: OutboxEntry): boolean {
  return entry.kind === 'event' && entry.event.kind?.$case === 'resize';
}

function takeEvent(event: Event, endpoint: Endpoint): boolean {
  try {
    endpoint.writeEvent(event);
    return true;
  } catch (error) {
    // Too many are on their way; acknowledgements make room.
    if (isPaneletError(error, 'LIMIT_EXCEEDED')) return false;
    throw error;
  }
}

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

/** Holds what does not fit into the replay buffer, so that writers wait without losing their order. */
export interface Outbox {
  /** @returns a promise that resolves once the endpoint has taken it. */
  add(entry: OutboxEntry): Promise<void>;
  /** Moves entries into the endpoint as far as it takes them. @returns true when it took any. */
  pump(endpoint: Endpoint): boolean;
  /** Numbering has started again: an entry of which a part was numbered before is dropped with the error. */
  dropPartial(error: PaneletError): void;
  /** Rejects everything, now and from now on. */
  close(error: PaneletError): void;
  readonly empty: boolean;
  /** Data bytes that an endpoint has taken so far. */
  readonly bytesOut: number;
}

interface Waiting {
  entry: OutboxEntry;
  readonly latch: Latch<void>;
  /** Data bytes that the endpoint has taken. */
  taken: number;
}

/** Entries that wait, first in first out. A resize that waits is replaced by one that follows it. */
export function createOutbox(): Outbox {
  const queue: Waiting[] = [];
  let closed: PaneletError | undefined;
  let bytesOut = 0;
  const takeData = (waiting: Waiting, endpoint: Endpoint): boolean => {
    if (waiting.entry.kind !== 'data') return true;
    const { channel, bytes } = waiting.entry;
    while (waiting.taken < bytes.length) {
      if (!endpoint.canWrite()) return false;
      const slice = bytes.subarray(waiting.taken, waiting.taken + defaultLimits.maxDataBytes);
      endpoint.writeData(channel, slice);
      waiting.taken += slice.length;
      bytesOut += slice.length;
    }
    return true;
  };
  const takeEvent = (event: Event, endpoint: Endpoint): boolean => {
    try {
      endpoint.writeEvent(event);
      return true;
    } catch (error) {
      // Too many are on their way; acknowledgements make room.
      if (isPaneletError(error, 'LIMIT_EXCEEDED')) return false;
      throw error;
    }
  };
  const take = (waiting: Waiting, endpoint: Endpoint): boolean => {
    switch (waiting.entry.kind) {
      case 'data':
        return takeData(waiting, endpoint);
      case 'event':
        return takeEvent(waiting.entry.event, endpoint);
      case 'fin':
        endpoint.writeFin();
        return true;
    }
  };
  return {
    add: (entry) => {
      if (closed !== undefined) return Promise.reject(closed);
      if (entry.kind === 'event') {
        const tail = queue.at(-1);
        const merges = entry.event.kind?.$case === 'resize' && tail?.entry.kind === 'event';
        if (merges && tail.entry.kind === 'event' && tail.entry.event.kind?.$case === 'resize') {
          tail.entry = entry;
          return tail.latch.promise;
        }
      }
      const waiting: Waiting = { entry, latch: createLatch(), taken: 0 };
      queue.push(waiting);
      return waiting.latch.promise;
    },
    pump: (endpoint) => {
      let moved = false;
      for (let head = queue[0]; head !== undefined; head = queue[0]) {
        const before = head.taken;
        try {
          const whole = take(head, endpoint);
          moved ||= whole || head.taken > before;
          if (!whole) return moved;
          head.latch.resolve();
        } catch (error) {
          head.latch.reject(PaneletError.from(error));
        }
        queue.shift();
      }
      return moved;
    },
    dropPartial: (error) => {
      if (queue[0] !== undefined && queue[0].taken > 0) queue.shift()?.latch.reject(error);
    },
    close: (error) => {
      closed ??= error;
      for (const waiting of queue.splice(0)) waiting.latch.reject(error);
    },
    get empty() {
      return queue.length === 0;
    },
    get bytesOut() {
      return bytesOut;
    },
  };
}

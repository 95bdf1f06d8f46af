import type { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from './endpoint.js';
import { createFifo, type Fifo } from './fifo.js';
import { ownBytes, ownEvent } from './own-bytes.js';

// A waiting frame of up to this size joins the one before it, so that a flood of tiny frames costs what its bytes cost.
const joinBytes = 1024;
const joinedBytes = 4096;

interface Joined {
  kind: 'data';
  seq: number;
  channel: Channel;
  bytes: Buffer;
  length: number;
}

/** Input that its consumer has not taken. */
export interface UnreadQueue {
  readonly length: number;
  push(item: InputItem): void;
  shift(): InputItem | undefined;
  /** Takes ownership of what has waited since the last call: copies it out of the network's memory and joins it. */
  settle(): void;
  /** Everything that waits, in order. */
  items(): InputItem[];
}

class JoiningQueue implements UnreadQueue {
  readonly #settled = createFifo<InputItem | Joined>();
  readonly #fresh = createFifo<InputItem>();

  get length(): number {
    return this.#settled.length + this.#fresh.length;
  }

  push(item: InputItem): void {
    this.#fresh.push(item);
  }

  shift(): InputItem | undefined {
    const item = this.#settled.shift();
    return item === undefined ? this.#fresh.shift() : asItem(item);
  }

  settle(): void {
    for (let item = this.#fresh.shift(); item !== undefined; item = this.#fresh.shift()) this.#keep(item);
  }

  items(): InputItem[] {
    return [...listOf(this.#settled).map(asItem), ...listOf(this.#fresh)];
  }

  #keep(item: InputItem): void {
    const tail = this.#settled.at(this.#settled.length - 1);
    if (item.kind === 'data' && tail?.kind === 'data' && join(tail, item)) return;
    this.#settled.push(owned(item));
  }
}

/** An empty queue. What is taken in the turn it came in is never copied. */
export function createUnreadQueue(): UnreadQueue {
  return new JoiningQueue();
}

function owned(item: InputItem): InputItem | Joined {
  switch (item.kind) {
    case 'event':
      return { ...item, event: ownEvent(item.event) };
    case 'fin':
      return item;
    case 'data': {
      const { seq, channel, payload } = item;
      const bytes = ownBytes(payload);
      if (payload.length > joinBytes) return { kind: 'data', seq, channel, payload: bytes };
      return { kind: 'data', seq, channel, bytes, length: bytes.length };
    }
  }
}

function listOf<T>(queue: Fifo<T>): T[] {
  const items: T[] = [];
  for (let position = 0; position < queue.length; position += 1) {
    const item = queue.at(position);
    if (item !== undefined) items.push(item);
  }
  return items;
}

function join(tail: InputItem | Joined, item: InputItem & { kind: 'data' }): boolean {
  if (!('bytes' in tail) || tail.channel !== item.channel) return false;
  const length = tail.length + item.payload.length;
  if (length > joinedBytes || item.payload.length > joinBytes) return false;
  if (length > tail.bytes.length) {
    const grown = Buffer.allocUnsafeSlow(Math.min(joinedBytes, Math.max(64, 2 * length)));
    grown.set(tail.bytes.subarray(0, tail.length));
    tail.bytes = grown;
  }
  tail.bytes.set(item.payload, tail.length);
  tail.length = length;
  tail.seq = item.seq;
  return true;
}

function asItem(item: InputItem | Joined): InputItem {
  if (!('bytes' in item)) return item;
  return { kind: 'data', seq: item.seq, channel: item.channel, payload: item.bytes.subarray(0, item.length) };
}

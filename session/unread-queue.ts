import type { Channel } from '#proto/session/v1/session.js';
import type { InputItem } from './endpoint.js';
import { createFifo } from './fifo.js';
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

/** An empty queue. What is taken in the turn it came in is never copied. */
export function createUnreadQueue(): UnreadQueue {
  const settled = createFifo<InputItem | Joined>();
  const fresh = createFifo<InputItem>();

  const keep = (item: InputItem): void => {
    if (item.kind === 'event') {
      settled.push({ ...item, event: ownEvent(item.event) });
      return;
    }
    if (item.kind === 'fin') {
      settled.push(item);
      return;
    }
    const tail = settled.at(settled.length - 1);
    if (tail?.kind === 'data' && join(tail, item)) return;
    if (item.payload.length > joinBytes) {
      settled.push({ ...item, payload: ownBytes(item.payload) });
      return;
    }
    const { seq, channel, payload } = item;
    settled.push({ kind: 'data', seq, channel, bytes: ownBytes(payload), length: payload.length });
  };

  return {
    get length() {
      return settled.length + fresh.length;
    },
    push: (item) => fresh.push(item),
    shift: () => {
      const item = settled.shift();
      return item === undefined ? fresh.shift() : asItem(item);
    },
    settle: () => {
      for (let item = fresh.shift(); item !== undefined; item = fresh.shift()) keep(item);
    },
    items: () => {
      const all: InputItem[] = [];
      for (let position = 0; position < settled.length; position += 1) {
        const item = settled.at(position);
        if (item !== undefined) all.push(asItem(item));
      }
      for (let position = 0; position < fresh.length; position += 1) {
        const item = fresh.at(position);
        if (item !== undefined) all.push(item);
      }
      return all;
    },
  };
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

import type { Event } from '#proto/session/v1/session.js';

/**
 * A copy in memory of exactly its own size. A slice of a network buffer or of Node's pool would keep the whole slab
 * alive for as long as one frame waits (measured: 7 KiB for a frame of 64 B).
 */
export function ownBytes(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** A copy of an event that shares nothing with it. */
export function ownEvent(event: Event): Event {
  const kind = event.kind;
  switch (kind?.$case) {
    case undefined:
      return { kind: undefined };
    case 'resize':
      return { kind: { $case: 'resize', value: { ...kind.value } } };
    case 'signal':
      return { kind: { $case: 'signal', value: { ...kind.value } } };
    case 'exitStatus':
      return { kind: { $case: 'exitStatus', value: { ...kind.value } } };
    case 'panel':
      return { kind: { $case: 'panel', value: { ...kind.value, payload: ownBytes(kind.value.payload) } } };
  }
}

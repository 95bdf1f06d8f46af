import type { EndpointState } from './endpoint.js';

/** The state as self-checking bytes (magic, version, lengths, SHA-256), for a checkpoint. */
export function encodeState(state: EndpointState): Uint8Array {
  throw new Error('unfinished', { cause: state });
}

/**
 * The state that `encodeState` wrote.
 * @throws CHECKPOINT_UNREADABLE when the bytes are truncated, changed or of an unknown version.
 */
export function decodeState(bytes: Uint8Array): EndpointState {
  throw new Error('unfinished', { cause: bytes });
}

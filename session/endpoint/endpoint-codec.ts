import type { EndpointState } from './endpoint.js';
import { checkEndpointState } from './endpoint-state.js';
import { booleanIn, numberIn, sealBytes, unsealBytes, type Header } from '../codec/sealed-bytes.js';

/** The state as self-checking bytes (magic, version, lengths, SHA-256), for a checkpoint. */
export function encodeState(state: EndpointState): Uint8Array {
  return sealBytes(endpointHeader(state), endpointParts(state));
}

/**
 * The state that `encodeState` wrote.
 * @throws CHECKPOINT_UNREADABLE when the bytes are truncated, changed or of an unknown version.
 */
export function decodeState(bytes: Uint8Array): EndpointState {
  const { header, parts } = unsealBytes(bytes);
  return endpointStateFrom(header, parts);
}

/** The numbers of a state. */
export function endpointHeader(state: EndpointState): Header {
  const { cursors, unacked, unread, ...counts } = state;
  return { ...counts, ...cursors, unacked: unacked.length, unread: unread.length };
}

/** The frames of a state. */
export function endpointParts(state: EndpointState): readonly Uint8Array[] {
  return [...state.unacked, ...state.unread];
}

/**
 * The state of a header and its frames.
 * @throws CHECKPOINT_UNREADABLE
 */
export function endpointStateFrom(header: Header, parts: readonly Uint8Array[]): EndpointState {
  const unackedCount = numberIn(header, 'unacked');
  const state: EndpointState = {
    cursors: {
      nextRx: numberIn(header, 'nextRx'),
      txBase: numberIn(header, 'txBase'),
      txNext: numberIn(header, 'txNext'),
    },
    unacked: parts.slice(0, unackedCount),
    unread: parts.slice(unackedCount, unackedCount + numberIn(header, 'unread')),
    sentDataBytes: numberIn(header, 'sentDataBytes'),
    creditReceived: numberIn(header, 'creditReceived'),
    receivedDataBytes: numberIn(header, 'receivedDataBytes'),
    consumedDataBytes: numberIn(header, 'consumedDataBytes'),
    creditGiven: numberIn(header, 'creditGiven'),
    finSent: booleanIn(header, 'finSent'),
    finReceived: booleanIn(header, 'finReceived'),
  };
  checkEndpointState(state);
  return state;
}

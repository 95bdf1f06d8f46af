import type { SessionIdentity, WorkerLinkState } from './worker-link.js';
import type { SessionView } from './admission.js';

/** The state as self-checking bytes (magic, version, lengths, SHA-256), for a checkpoint. */
export function encodeWorkerLinkState(state: WorkerLinkState): Uint8Array {
  throw new Error('unfinished', { cause: state });
}

/**
 * The state that `encodeWorkerLinkState` wrote.
 * @throws CHECKPOINT_UNREADABLE when the bytes are truncated, changed or of an unknown version.
 */
export function decodeWorkerLinkState(bytes: Uint8Array): WorkerLinkState {
  throw new Error('unfinished', { cause: bytes });
}

/** What `decideAttach` needs to know of a session in a sealed checkpoint. `claimed` is the last incarnation claimed. */
export function sealedView(identity: SessionIdentity, state: WorkerLinkState, claimed: number): SessionView {
  throw new Error('unfinished', { cause: { identity, state, claimed } });
}

import { PaneletError } from '#common/errors/errors.js';
import type { AttachAttempt, SessionView } from './admission.js';
import { endpointHeader, endpointParts, endpointStateFrom } from '../endpoint/endpoint-codec.js';
import { numberIn, sealBytes, textIn, unsealBytes, type Header } from '../codec/sealed-bytes.js';
import type { SessionIdentity, WorkerLinkState } from './worker-link.js';

/** The state as self-checking bytes (magic, version, lengths, SHA-256), for a checkpoint. */
export function encodeWorkerLinkState(state: WorkerLinkState): Uint8Array {
  const { endpoint, ...link } = state;
  return sealBytes({ ...endpointHeader(endpoint), ...link }, endpointParts(endpoint));
}

/**
 * The state that `encodeWorkerLinkState` wrote.
 * @throws CHECKPOINT_UNREADABLE when the bytes are truncated, changed or of an unknown version.
 */
export function decodeWorkerLinkState(bytes: Uint8Array): WorkerLinkState {
  const { header, parts } = unsealBytes(bytes);
  const endpoint = endpointStateFrom(header, parts);
  return {
    incarnation: numberIn(header, 'incarnation'),
    numberedSince: numberIn(header, 'numberedSince'),
    attachEpoch: numberIn(header, 'attachEpoch'),
    confirmedEpoch: numberIn(header, 'confirmedEpoch'),
    attachNonce: textIn(header, 'attachNonce'),
    clientId: textIn(header, 'clientId'),
    earlierAttempts: attemptsIn(header),
    // Not said by the release before: nothing that is not kept is known to be acknowledged by this client.
    heldFromSeq: 'heldFromSeq' in header ? numberIn(header, 'heldFromSeq') : endpoint.cursors.txBase,
    endpoint,
  };
}

// The release before remembered none.
function attemptsIn(header: Header): AttachAttempt[] {
  const attempts = header['earlierAttempts'] ?? [];
  if (!Array.isArray(attempts)) {
    throw new PaneletError('CHECKPOINT_UNREADABLE', 'The checkpoint cannot be read: its attempts are no list.');
  }
  return attempts.map((attempt: unknown) => {
    const fields = Object(attempt) as Header;
    return { clientId: textIn(fields, 'clientId'), nonce: textIn(fields, 'nonce') };
  });
}

/** What `decideAttach` needs to know of a session in a sealed checkpoint. `claimed` is the last incarnation claimed. */
export function sealedView(identity: SessionIdentity, state: WorkerLinkState, claimed: number): SessionView {
  return {
    panel: identity.panel,
    owner: identity.owner,
    clientId: state.clientId,
    incarnation: claimed,
    numberedSince: state.numberedSince,
    attachEpoch: state.attachEpoch,
    confirmedEpoch: state.confirmedEpoch,
    attachNonce: state.attachNonce,
    life: {
      kind: 'sealed',
      cursors: state.endpoint.cursors,
      earlierAttempts: state.earlierAttempts,
      heldFromSeq: state.heldFromSeq,
    },
  };
}

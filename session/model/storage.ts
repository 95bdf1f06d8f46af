import type { SessionView } from '../worker/admission.js';
import { decodeWorkerLinkState, encodeWorkerLinkState, sealedView } from '../worker/worker-link-codec.js';
import type { SessionIdentity, WorkerLinkState } from '../worker/worker-link.js';
import { must, type Mistakes } from './config.js';

/** What the panel of the model is: it remembers its input and answers each once. */
export interface PanelState {
  readonly consumed: readonly string[];
  readonly emitted: readonly string[];
}

/** A checkpoint on disk. */
export interface Checkpoint {
  readonly id: number;
  readonly link: Uint8Array;
  readonly panel: PanelState;
  readonly letIn: readonly string[];
}

/** The node's disk, as far as one session goes. It survives every kill. */
export interface Storage {
  record: { claimed: number; readonly clientId: string } | undefined;
  sealed: Checkpoint | undefined;
  /** Number of the last checkpoint written. */
  written: number;
  /** Numbers of the checkpoints that were used. */
  readonly used: Set<number>;
}

/** An empty disk. */
export function createStorage(): Storage {
  return { record: undefined, sealed: undefined, written: 0, used: new Set() };
}

/** What a checkpoint is made of. */
export interface Sealing {
  readonly state: WorkerLinkState;
  readonly panel: PanelState;
  /** Nonces of the attempts that were let in, in order. */
  readonly letIn: readonly string[];
}

/** Writes a checkpoint, with the mistakes asked for. */
export function seal(storage: Storage, { state, panel, letIn }: Sealing, mistakes: Mistakes): void {
  let { endpoint } = state;
  if (mistakes.omitsUnread === true) {
    endpoint = { ...endpoint, unread: [], consumedDataBytes: endpoint.receivedDataBytes };
  }
  if (mistakes.omitsUnacked === true) {
    endpoint = { ...endpoint, unacked: [], cursors: { ...endpoint.cursors, txBase: endpoint.cursors.txNext } };
  }
  storage.written += 1;
  storage.sealed = { id: storage.written, link: encodeWorkerLinkState({ ...state, endpoint }), panel, letIn };
}

/** Counts a use of the sealed checkpoint: a restore from it, or a thaw after it. */
export function countUse(storage: Storage, mistakes: Mistakes = {}): void {
  if (storage.sealed === undefined) return;
  const { id } = storage.sealed;
  must(!storage.used.has(id) || mistakes.ignoresStaleness === true, 'I13 a checkpoint is used twice');
  storage.used.add(id);
}

/** The session as a worker finds it that does not have it in memory. */
export function storedView(storage: Storage, identity: SessionIdentity): SessionView | undefined {
  const { record, sealed } = storage;
  if (record === undefined) return undefined;
  if (sealed !== undefined) return sealedView(identity, decodeWorkerLinkState(sealed.link), record.claimed);
  return {
    panel: identity.panel,
    owner: identity.owner,
    clientId: record.clientId,
    incarnation: record.claimed,
    numberedSince: record.claimed,
    attachEpoch: 0,
    confirmedEpoch: 0,
    attachNonce: '',
    life: { kind: 'crashed', afterCrash: 'fresh' },
  };
}

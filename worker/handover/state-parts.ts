import { createHash } from 'node:crypto';
import { PaneletError } from '#common/errors/errors.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import type { CommitRequest, StateHead } from '#proto/handover/v1/handover.js';

/** The state of a session on its way to another instance. */
export interface MovingState {
  readonly sessionId: string;
  /** The incarnation that its taker has claimed. */
  readonly incarnation: number;
  /** What a checkpoint would hold. */
  readonly content: Uint8Array;
  /** Time that the session has been without a client, in milliseconds. */
  readonly detachedMs: number;
}

/** Format of the content: that of checkpoints, and of this release's frames around it. */
export const stateFormat = 1;

const chunkBytes = 64 * 1024;
/** More than any session may hold: its replay and unread input are bounded, and a panel's state is of that order. */
const mostBytes = 64 * 1024 * 1024;

/** The messages of a Commit, in order. */
export function* partsOf({ sessionId, incarnation, content, detachedMs }: MovingState): Generator<CommitRequest> {
  const head: StateHead = {
    sessionId,
    incarnation,
    sizeBytes: content.length,
    sha256: sha256Of(content),
    detached: msToDuration(detachedMs),
  };
  yield { part: { $case: 'head', value: head } };
  for (let at = 0; at < content.length; at += chunkBytes) {
    yield { part: { $case: 'chunk', value: Buffer.from(content.subarray(at, at + chunkBytes)) } };
  }
}

/** Puts the messages of a Commit together again. */
export class StateAssembly {
  readonly #chunks: Buffer[] = [];
  #head: StateHead | undefined;
  #sizeBytes = 0;

  /** @throws FRAME_INVALID for what no state begins with, or one that is larger than it says */
  take({ part }: CommitRequest): void {
    if (part?.$case === 'head' && this.#head === undefined && part.value.sizeBytes <= mostBytes) {
      this.#head = part.value;
      return;
    }
    if (part?.$case !== 'chunk' || this.#head === undefined) throw invalid('does not begin with its head');
    this.#sizeBytes += part.value.length;
    if (this.#sizeBytes > this.#head.sizeBytes) throw invalid('is larger than it says');
    this.#chunks.push(part.value);
  }

  /** The state, complete. @throws FRAME_INVALID when it is not */
  whole(): MovingState {
    const content = Buffer.concat(this.#chunks);
    if (this.#head === undefined) throw invalid('is empty');
    const { sessionId, incarnation, sizeBytes, sha256, detached } = this.#head;
    if (content.length !== sizeBytes || !sha256Of(content).equals(sha256)) throw invalid('is not what was sent');
    return { sessionId, incarnation, content, detachedMs: durationToMs(detached, 0) };
  }
}

function sha256Of(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

function invalid(what: string): PaneletError {
  return new PaneletError('FRAME_INVALID', `The state of a session that is handed over ${what}.`);
}

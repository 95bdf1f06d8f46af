import { PaneletError } from '#common/errors/errors.js';
import type { Snapshot } from '#proto/session/v1/session.js';
import { maxSnapshotBytes, type Picture } from '../messages/snapshot-messages.js';

/** Puts the chunks of a snapshot together. */
export interface SnapshotAssembly {
  /**
   * Takes a chunk.
   * @returns the picture with its last chunk.
   * @throws LIMIT_EXCEEDED above `maxSnapshotBytes`
   */
  take(snapshot: Snapshot): Picture | undefined;
}

/** An assembly for one attachment; what a cut left unfinished is thrown away with it. */
export function createSnapshotAssembly(): SnapshotAssembly {
  let chunks: Uint8Array[] = [];
  let throughSeq = 0;
  let sizeBytes = 0;
  return {
    take: (snapshot) => {
      if (snapshot.throughSeq !== throughSeq) {
        chunks = [];
        sizeBytes = 0;
      }
      throughSeq = snapshot.throughSeq;
      sizeBytes += snapshot.chunk.length;
      if (sizeBytes > maxSnapshotBytes) {
        throw new PaneletError('LIMIT_EXCEEDED', `A snapshot is larger than the limit of ${maxSnapshotBytes} bytes.`);
      }
      chunks.push(snapshot.chunk);
      if (!snapshot.last) return undefined;
      const picture = { contentType: snapshot.contentType, bytes: Buffer.concat(chunks) };
      chunks = [];
      sizeBytes = 0;
      return picture;
    },
  };
}

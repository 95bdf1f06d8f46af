import type { Frames } from '#proto/session/v1/session.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { SessionLimits } from '../codec/limits.js';

/** State that replaces output. */
export interface Picture {
  /** Media type, for example "text/vnd.panelet.screen". */
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Largest snapshot that a client assembles, in bytes. */
export const maxSnapshotBytes = 8 * 1024 * 1024;

/** The messages that carry a picture, one chunk each; at least one. */
export function snapshotMessages(
  endpoint: Endpoint,
  picture: Picture,
  place: { readonly throughSeq: number; readonly limits: SessionLimits },
): Frames[] {
  const { contentType, bytes } = picture;
  const chunkBytes = place.limits.maxDataBytes;
  const messages: Frames[] = [];
  for (let from = 0; from < Math.max(1, bytes.length); from += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(from, from + chunkBytes));
    const value = {
      throughSeq: place.throughSeq,
      contentType,
      chunk,
      last: from + chunkBytes >= bytes.length,
      // Nothing but events and fin follows the picture, so all data is in it.
      dataBytes: endpoint.totals.sentDataBytes,
    };
    messages.push(endpoint.wrap([{ seq: 0, kind: { $case: 'snapshot', value } }]));
  }
  return messages;
}

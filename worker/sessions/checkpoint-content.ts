import { PaneletError } from '#common/errors/errors.js';

/** What a checkpoint of one session holds. */
export interface CheckpointContent {
  /** Encoded WorkerLinkState. */
  readonly link: Uint8Array;
  /** What the panel's `checkpoint` returned. */
  readonly panel: Uint8Array;
}

const headerBytes = 4;

/** Length of the link's state (4 bytes, big-endian), the link's state, the panel's state. The store adds the hash. */
export function encodeCheckpointContent(content: CheckpointContent): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(content.link.length);
  return Buffer.concat([header, content.link, content.panel]);
}

/** What `encodeCheckpointContent` wrote. @throws CHECKPOINT_UNREADABLE when the lengths contradict each other */
export function decodeCheckpointContent(bytes: Uint8Array): CheckpointContent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.length < headerBytes ? Infinity : headerBytes + buffer.readUInt32BE();
  if (end > buffer.length) throw new PaneletError('CHECKPOINT_UNREADABLE', 'The checkpoint is shorter than it says.');
  return { link: buffer.subarray(headerBytes, end), panel: buffer.subarray(end) };
}

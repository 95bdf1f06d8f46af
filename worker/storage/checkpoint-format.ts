import { createHash } from 'node:crypto';
import { PaneletError } from '#common/errors/errors.js';

/*
 * Layout of a checkpoint file: magic (8 bytes) ‖ format version (u32) ‖ content length (u64) ‖ SHA-256 of the content
 * (32 bytes) ‖ content. Integers are big-endian.
 */
const magic = Buffer.from('PANELCKP', 'latin1');
const formatVersion = 1;
const headerBytes = 52;

/** SHA-256 in hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A checkpoint file with this content. */
export function encodeCheckpoint(content: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32BE(formatVersion, 8);
  header.writeBigUInt64BE(BigInt(content.length), 12);
  header.write(sha256Hex(content), 20, 'hex');
  return Buffer.concat([header, content]);
}

/**
 * Content of a checkpoint file.
 * @throws CHECKPOINT_UNREADABLE saying what is wrong with it.
 */
export function decodeCheckpoint(file: Buffer): Buffer {
  const refuse = (reason: string): never => {
    throw new PaneletError('CHECKPOINT_UNREADABLE', reason);
  };
  if (file.length < headerBytes) refuse(`it has ${file.length} bytes, less than a header`);
  if (!file.subarray(0, magic.length).equals(magic)) refuse('it does not begin like a checkpoint');
  const version = file.readUInt32BE(8);
  if (version !== formatVersion) refuse(`its format has version ${version}, and this worker reads ${formatVersion}`);
  const content = file.subarray(headerBytes);
  const length = file.readBigUInt64BE(12);
  if (length !== BigInt(content.length))
    refuse(`it has ${content.length} bytes of content instead of ${length.toString()}`);
  if (sha256Hex(content) !== file.toString('hex', 20, headerBytes)) refuse('its content does not match its hash');
  return content;
}

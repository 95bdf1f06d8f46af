import { createHash, timingSafeEqual } from 'node:crypto';
import { PaneletError } from '#common/errors/errors.js';

// magic (4) ‖ format version (1) ‖ header length (4, big-endian) ‖ header (JSON) ‖ parts ‖ SHA-256 of all before (32)
const magic = Buffer.from('PNLS', 'latin1');
const formatVersion = 1;
const prefixBytes = magic.length + 5;
const digestBytes = 32;

/** Numbers and texts that describe the parts. */
export type Header = Readonly<Record<string, unknown>>;

/** Writes a header and parts as bytes that tell when they are cut or changed. */
export function sealBytes(header: Header, parts: readonly Uint8Array[]): Uint8Array {
  const json = Buffer.from(JSON.stringify({ ...header, partBytes: parts.map((part) => part.length) }), 'utf8');
  const prefix = Buffer.alloc(prefixBytes);
  magic.copy(prefix);
  prefix[magic.length] = formatVersion;
  prefix.writeUInt32BE(json.length, magic.length + 1);
  const content = Buffer.concat([prefix, json, ...parts]);
  return Buffer.concat([content, digestOf(content)]);
}

/**
 * Reads what `sealBytes` wrote. The parts are slices of `bytes`.
 * @throws CHECKPOINT_UNREADABLE
 */
export function unsealBytes(bytes: Uint8Array): { readonly header: Header; readonly parts: readonly Uint8Array[] } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(whole.length >= prefixBytes + digestBytes, 'it is too short');
  demand(whole.subarray(0, magic.length).equals(magic), 'it is not a checkpoint');
  const version = whole[magic.length] ?? 0;
  demand(version === formatVersion, `its format is version ${version}, this program reads version ${formatVersion}`);
  const content = whole.subarray(0, whole.length - digestBytes);
  demand(timingSafeEqual(digestOf(content), whole.subarray(content.length)), 'it is cut or changed');
  const headerEnd = prefixBytes + content.readUInt32BE(magic.length + 1);
  demand(headerEnd <= content.length, 'its header is cut');
  const header = parseHeader(content.subarray(prefixBytes, headerEnd));
  return { header, parts: splitParts(content.subarray(headerEnd), numbersIn(header, 'partBytes')) };
}

/** A number of a header. @throws CHECKPOINT_UNREADABLE */
export function numberIn(header: Header, key: string): number {
  const value = header[key];
  if (typeof value !== 'number') throw unreadable(`${key} is not a number`);
  return value;
}

/** A text of a header. @throws CHECKPOINT_UNREADABLE */
export function textIn(header: Header, key: string): string {
  const value = header[key];
  if (typeof value !== 'string') throw unreadable(`${key} is not a text`);
  return value;
}

/** A truth value of a header. @throws CHECKPOINT_UNREADABLE */
export function booleanIn(header: Header, key: string): boolean {
  const value = header[key];
  if (typeof value !== 'boolean') throw unreadable(`${key} is not true or false`);
  return value;
}

function numbersIn(header: Header, key: string): number[] {
  const value = header[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) throw unreadable(`${key} is missing`);
  return value;
}

function parseHeader(bytes: Buffer): Header {
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof header === 'object' && header !== null) return header as Header;
  } catch (cause) {
    throw unreadable('its header is not JSON', cause);
  }
  throw unreadable('its header is not an object');
}

function splitParts(content: Buffer, lengths: readonly number[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const length of lengths) {
    parts.push(content.subarray(from, from + length));
    from += length;
  }
  demand(from === content.length, 'its parts do not add up');
  return parts;
}

function digestOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw unreadable(what);
}

function unreadable(what: string, cause?: unknown): PaneletError {
  return new PaneletError('CHECKPOINT_UNREADABLE', `The checkpoint cannot be read: ${what}.`, { cause });
}

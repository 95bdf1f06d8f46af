import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a presented resume token is worth. */
export type TokenCheck =
  { readonly kind: 'absent' } | { readonly kind: 'invalid' } | { readonly kind: 'valid'; readonly epoch: number };

/** Size of a session's token key, in bytes. */
export const tokenKeyBytes = 32;

const tokenVersion = 1;
const epochEnd = 9;
const macBytes = 32;

/**
 * Token that proves the right to resume a session: version byte ‖ epoch (8 bytes, big-endian) ‖ HMAC-SHA256(key,
 * session id ‖ epoch). The key is random per session and never leaves its worker's node.
 */
export function mintResumeToken(key: Uint8Array, sessionId: string, epoch: number): Buffer {
  const token = Buffer.alloc(epochEnd + macBytes);
  token[0] = tokenVersion;
  token.writeBigUInt64BE(BigInt(epoch), 1);
  macOf(key, sessionId, token.subarray(1, epochEnd)).copy(token, epochEnd);
  return token;
}

/** Checks a token in constant time for its length. An empty one is `absent`. */
export function verifyResumeToken(key: Uint8Array, sessionId: string, token: Uint8Array): TokenCheck {
  if (token.length === 0) return { kind: 'absent' };
  const presented = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  if (presented.length !== epochEnd + macBytes || presented[0] !== tokenVersion) return { kind: 'invalid' };
  const expected = macOf(key, sessionId, presented.subarray(1, epochEnd));
  if (!timingSafeEqual(expected, presented.subarray(epochEnd))) return { kind: 'invalid' };
  return { kind: 'valid', epoch: Number(presented.readBigUInt64BE(1)) };
}

function macOf(key: Uint8Array, sessionId: string, epoch: Uint8Array): Buffer {
  return createHmac('sha256', key).update(sessionId, 'utf8').update(epoch).digest();
}

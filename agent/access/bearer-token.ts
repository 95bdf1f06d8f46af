import { AuthenticationError } from './authentication-error.js';

// What is hashed, kept and sent on is bounded; the front takes header lists of twice that.
const maxTokenBytes = 12 * 1024;

/**
 * The token of an `authorization` header.
 * @throws AuthenticationError `none` without one; `malformed` for one of more than 12 KiB.
 */
export function bearerToken(authorization: string | undefined): string {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    const message = 'No token came with the call. Send metadata "authorization: Bearer <token>".';
    throw new AuthenticationError('none', message);
  }
  if (Buffer.byteLength(token) <= maxTokenBytes) return token;
  throw new AuthenticationError('malformed', `The token is longer than ${maxTokenBytes} bytes; no token is.`);
}

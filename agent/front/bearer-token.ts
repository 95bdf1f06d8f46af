import { PaneletError } from '#common/errors.js';

/**
 * The token of an `authorization` header.
 * @throws PaneletError IDENTITY_MISSING when there is none.
 */
export function bearerToken(authorization: string | undefined): string {
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  if (match?.[1] !== undefined) return match[1];
  throw new PaneletError(
    'IDENTITY_MISSING',
    'No token came with the call. Send metadata "authorization: Bearer <token>".',
  );
}

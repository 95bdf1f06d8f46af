/**
 * When a JSON Web Token expires, in milliseconds of the Unix epoch; Infinity for one that does not say, or that is none. Only
 * for tokens that somebody has verified: nothing is checked here.
 */
export function expiryOfToken(token: string): number {
  const payload = token.split('.')[1];
  if (payload === undefined) return Infinity;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp?: unknown } | null;
    return typeof claims?.exp === 'number' && Number.isFinite(claims.exp) ? claims.exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}

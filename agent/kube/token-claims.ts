/** What a JSON Web Token says about itself; whatever it does not say, or says in another form, is undefined. */
export interface TokenClaims {
  readonly issuer: string | undefined;
  readonly audiences: readonly string[] | undefined;
  /** In milliseconds of the Unix epoch, as the two below. */
  readonly expiresAtMs: number | undefined;
  readonly notBeforeMs: number | undefined;
  readonly issuedAtMs: number | undefined;
}

/** Claims of a JSON Web Token; undefined for what is none. Nothing is verified here: anybody can write anything into a token. */
export function readTokenClaims(token: string): TokenClaims | undefined {
  const [, payload, signature] = token.split('.', 3);
  if (payload === undefined || signature === undefined) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof content !== 'object' || content === null) return undefined;
  const { iss, aud, exp, nbf, iat } = content as Record<string, unknown>;
  return {
    issuer: typeof iss === 'string' ? iss : undefined,
    audiences: listOf(aud),
    expiresAtMs: timeOf(exp),
    notBeforeMs: timeOf(nbf),
    issuedAtMs: timeOf(iat),
  };
}

function timeOf(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

function listOf(audience: unknown): readonly string[] | undefined {
  if (typeof audience === 'string') return [audience];
  if (!Array.isArray(audience)) return undefined;
  return audience.filter((one): one is string => typeof one === 'string');
}

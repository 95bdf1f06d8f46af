import { AuthenticationError } from './authentication-error.js';
import type { TokenClaims } from '../kube/token-claims.js';

/** By what a token is judged. */
export interface TokenMeasure {
  /** A token must be made for one of them; without any, for whatever it is made. */
  readonly audiences: readonly string[];
  /** Milliseconds of the Unix epoch. */
  readonly nowMs: number;
}

// Clocks of a cluster differ; the API server itself allows as much.
const leewayMs = 60_000;

/**
 * Refuses a token that the API server would refuse, by what the token says about itself. Only for tokens of the API server's own
 * issuer, and never a reason to accept one: what it says is not verified.
 * @throws AuthenticationError `audience`, `expired` or `early`.
 */
export function judgeToken(claims: TokenClaims, { audiences, nowMs }: TokenMeasure): void {
  const { expiresAtMs = Infinity, notBeforeMs = -Infinity, issuedAtMs = -Infinity } = claims;
  const remedy = `kubectl create token <service account>${audienceOption(audiences)}`;
  if (audiences.length > 0 && claims.audiences?.some((audience) => audiences.includes(audience)) === false) {
    const needed = audiences.join(' or ');
    throw new AuthenticationError('audience', `This token is made for another audience than ${needed}. Use: ${remedy}`);
  }
  if (nowMs - leewayMs >= expiresAtMs) {
    throw new AuthenticationError('expired', `This token has expired. Make a new one: ${remedy}`);
  }
  if (nowMs + leewayMs < Math.max(notBeforeMs, issuedAtMs)) {
    const message = 'This token is not valid yet by the clock of this node. Check the clocks of node and API server.';
    throw new AuthenticationError('early', message);
  }
}

/** The option of `kubectl create token` that makes a token for the first of the audiences. */
export function audienceOption([audience]: readonly string[]): string {
  return audience === undefined ? '' : ` --audience ${audience}`;
}

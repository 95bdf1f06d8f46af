import { readFile } from 'node:fs/promises';
import type { Clock } from '#common/time/clock.js';
import { readTokenClaims } from './token-claims.js';

/** What finding out the issuer needs. */
export interface OwnIssuerDeps {
  /** The token of the pod's ServiceAccount. */
  readonly tokenFile: string;
  readonly clock: Clock;
}

// As long as the API client keeps the same token.
const tokenAgeMs = 60_000;

/**
 * The issuer of the agent's own token: the API server itself made that token, so it makes all others of this issuer too. Undefined
 * while the file cannot be read or says no issuer. Read again every minute, because the kubelet replaces the token.
 */
export function createOwnIssuer({ tokenFile, clock }: OwnIssuerDeps): () => Promise<string | undefined> {
  let last: { readonly issuer: Promise<string | undefined>; readonly readAtMs: number } | undefined;
  return () => {
    const nowMs = clock.nowMs();
    if (last === undefined || nowMs - last.readAtMs >= tokenAgeMs) last = { issuer: read(tokenFile), readAtMs: nowMs };
    return last.issuer;
  };
}

async function read(file: string): Promise<string | undefined> {
  try {
    return readTokenClaims((await readFile(file, 'utf8')).trim())?.issuer;
  } catch {
    return undefined;
  }
}

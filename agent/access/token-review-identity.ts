import { createHash } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { isPaneletError, PaneletError } from '#common/errors.js';
import type { Log } from '#common/log.js';
import { bearerToken } from '../front/bearer-token.js';
import type { Identity } from '../front/identity.js';
import type { KubernetesUser, Reviews } from '../kube/reviews.js';
import { createDecisionCache, type Validity } from './decision-cache.js';
import { expiryOfToken } from './token-expiry.js';

/** What the identity needs. */
export interface TokenReviewIdentityDeps {
  readonly reviews: Reviews;
  /** Tokens must be made for one of them; empty for those of the API server itself. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

interface Verified {
  readonly user: KubernetesUser | undefined;
  /** Time until the token itself expires, when it was verified, in milliseconds. */
  readonly leftMs: number;
}

const positiveMs = 60_000;
const negativeMs = 5_000;
const graceMs = 600_000;
// Longer ones are no tokens; what is hashed and sent on is bounded.
const maxTokenBytes = 16 * 1024;

/**
 * Callers are who the API server says that their token belongs to. Its answers are kept for 60 s (refusals for 5 s), never
 * longer than the token is valid; while it cannot be asked, a token that it accepted within 10 minutes is good.
 */
export function createTokenReviewIdentity({ reviews, audiences, clock, log }: TokenReviewIdentityDeps): Identity {
  const cache = createDecisionCache<Verified>({
    clock,
    isPositive: ({ user }) => user !== undefined,
    validity: ({ user, leftMs }): Validity => {
      // A refusal in its grace would be an UNAUTHENTICATED that nobody decided.
      if (user === undefined) return { freshMs: negativeMs, graceMs: 0 };
      return { freshMs: Math.min(positiveMs, leftMs), graceMs: Math.min(graceMs, leftMs) };
    },
  });
  const ask = async (token: string): Promise<Verified> => {
    try {
      const user = await reviews.whoIs(token, audiences);
      return { user, leftMs: expiryOfToken(token) - clock.date().getTime() };
    } catch (error) {
      if (isPaneletError(error)) log.warn({ err: error }, 'The API server could not say who calls');
      throw error;
    }
  };
  return {
    authenticate: async ({ authorization }) => {
      const token = bearerToken(authorization);
      if (token.length > maxTokenBytes) throw refused();
      const { user } = await cache.get(sha256(token), () => ask(token));
      if (user === undefined) throw refused(audiences);
      return { name: user.name, roles: [], kubernetes: user };
    },
    reload: () => Promise.resolve(),
  };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function refused(audiences: readonly string[] = []): PaneletError {
  const audience = audiences[0] === undefined ? '' : ` --audience ${audiences[0]}`;
  return new PaneletError(
    'IDENTITY_MISSING',
    `The API server does not accept this token here. Make one: kubectl create token <service account>${audience}`,
  );
}

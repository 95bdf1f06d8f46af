import { createHash } from 'node:crypto';
import type { Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { AuthenticationError } from './authentication-error.js';
import { bearerToken } from './bearer-token.js';
import type { Credentials, Identity } from './identity.js';
import type { KubernetesUser, Reviews } from '../kube/reviews.js';
import { readTokenClaims, type TokenClaims } from '../kube/token-claims.js';
import { createDecisionCache, type Inquirer, type Validity } from './decision-cache.js';
import { audienceOption, judgeToken } from './judge-token.js';

/** What the identity needs. */
export interface TokenReviewIdentityDeps {
  readonly reviews: Reviews;
  /** Tokens must be made for one of them; empty for those of the API server itself. */
  readonly audiences: readonly string[];
  /** The issuer of the agent's own token, undefined when it is not known; see own-issuer.ts. */
  readonly ownIssuer: () => Promise<string | undefined>;
  /** Most TokenReviews under way. @default 16 */
  readonly reviewsUnderWay?: number;
  readonly clock: Clock;
  readonly random: Random;
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
// With those of SubjectAccessReviews and of readers of metrics less than the connections that the API client opens, so that no
// question waits there for another one.
const defaultUnderWay = 16;
const waiting = { underWayEach: 1, waitingEach: { stranger: 16, proven: 256 }, waiting: 1024 };
// RFC 6750, 2.1.
const tokenAlphabet = /^[A-Za-z0-9._~+/-]+=*$/;

/**
 * Callers are who the API server says that their token belongs to. Its answers are kept for 60 s (refusals for 5 s), never
 * longer than the token is valid; while it cannot be asked, a token that it accepted within 10 minutes is good. Questions are
 * asked in turn, one for each connection.
 */
export function createTokenReviewIdentity(deps: TokenReviewIdentityDeps): Identity {
  const { reviews, audiences, clock, log, reviewsUnderWay: underWay = defaultUnderWay } = deps;
  const cache = createDecisionCache<Verified>({
    ...{ clock, random: deps.random, turns: { ...waiting, underWay } },
    isPositive: ({ user }) => user !== undefined,
    validity: ({ user, leftMs }): Validity => {
      // A refusal in its grace would be an UNAUTHENTICATED that nobody decided.
      if (user === undefined) return { freshMs: negativeMs, graceMs: 0 };
      return { freshMs: Math.min(positiveMs, leftMs), graceMs: Math.min(graceMs, leftMs) };
    },
  });
  const ask = async (token: string, claims: TokenClaims | undefined): Promise<Verified> => {
    try {
      const user = await reviews.whoIs(token, audiences);
      return { user, leftMs: (claims?.expiresAtMs ?? Infinity) - clock.date().getTime() };
    } catch (error) {
      if (isPaneletError(error)) log.warn({ err: error }, 'The API server could not say who calls');
      throw error;
    }
  };
  const inquirerOf = createInquirers();
  return {
    authenticate: async (credentials) => {
      const token = bearerToken(credentials.authorization);
      if (!tokenAlphabet.test(token)) throw malformed();
      const claims = readTokenClaims(token);
      if (claims?.issuer !== undefined && claims.issuer === (await deps.ownIssuer())) {
        judgeToken(claims, { audiences, nowMs: clock.date().getTime() });
      }
      const { user } = await cache.get(sha256(token), () => ask(token, claims), inquirerOf(credentials));
      if (user === undefined) throw refused(audiences);
      return { name: user.name, roles: [], kubernetes: user };
    },
    current: (caller) => caller,
    reload: () => Promise.resolve(),
  };
}

function createInquirers(): (credentials: Credentials) => Inquirer {
  let calls = 0;
  return ({ connection, remoteAddress = '' }) => {
    if (connection === undefined) {
      return { asker: { id: `call ${calls++}`, group: remoteAddress, proven: false } };
    }
    const { id, network, signal } = connection;
    return { asker: { id: `connection ${id}`, group: network, proven: connection.accepted() }, signal };
  };
}

function sha256(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

function malformed(): AuthenticationError {
  const message = 'What came as a token has characters that no token has. Send "authorization: Bearer <token>".';
  return new AuthenticationError('malformed', message);
}

function refused(audiences: readonly string[]): AuthenticationError {
  return new AuthenticationError(
    'refused',
    `The API server does not accept this token here. Make one: kubectl create token <service account>${audienceOption(audiences)}`,
  );
}

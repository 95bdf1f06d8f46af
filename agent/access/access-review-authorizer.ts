import { createHash } from 'node:crypto';
import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { Caller } from './identity.js';
import type { AccessAttributes, AccessDecision, KubernetesUser, Reviews } from '../kube/reviews.js';
import type { Authorizer, AuthorizerDecision } from './authorizer.js';
import { createDecisionCache, type DecisionCache } from './decision-cache.js';

/** What asking for permissions needs. */
export interface AccessReviewDeps {
  readonly reviews: Reviews;
  /** Most SubjectAccessReviews under way. @default 8 */
  readonly reviewsUnderWay?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Permissions of those that the API server knows. */
export interface AccessReviews {
  /**
   * `sure`: only an answer that is fresh counts. @default false
   * @throws PaneletError API_UNAVAILABLE when nobody can say.
   */
  mayThey(user: KubernetesUser, attributes: AccessAttributes, sure?: boolean): Promise<AccessDecision>;
}

const positiveMs = 60_000;
const negativeMs = 5_000;
const graceMs = 600_000;
const defaultUnderWay = 8;
// A name may stand for many people, each with tokens of their own: so more at once than one connection has.
const waiting = { underWayEach: 4, waitingEach: { stranger: 256, proven: 256 }, waiting: 1024 };

/**
 * Permissions as the API server decides, kept for 60 s (refusals for 5 s), and for 10 minutes while it cannot be asked. Questions
 * are asked in turn, caller by caller.
 */
export function createAccessReviews(deps: AccessReviewDeps): AccessReviews {
  const { reviews, clock, random, log, reviewsUnderWay: underWay = defaultUnderWay } = deps;
  const cache: DecisionCache<AccessDecision> = createDecisionCache({
    ...{ clock, random, turns: { ...waiting, underWay } },
    isPositive: ({ allowed }) => allowed,
    validity: ({ allowed }) => ({ freshMs: allowed ? positiveMs : negativeMs, graceMs }),
  });
  return {
    mayThey: (user, attributes, sure = false) => {
      const ask = async (): Promise<AccessDecision> => {
        try {
          return await reviews.mayThey(user, attributes);
        } catch (error) {
          if (isPaneletError(error)) log.warn({ err: error }, 'The API server could not say what a caller may do');
          throw error;
        }
      };
      return cache.get(keyOf(user, attributes), ask, {
        asker: { id: user.name, group: user.name, proven: true },
        sure,
      });
    },
  };
}

// Everything that the decision depends on: two tokens of one user may differ in groups and extra.
function keyOf(user: KubernetesUser, attributes: AccessAttributes): string {
  const whole = [
    user.name,
    user.uid,
    user.groups,
    Object.entries(user.extra).sort(),
    Object.entries(attributes).sort(),
  ];
  return createHash('sha256').update(JSON.stringify(whole)).digest('base64');
}

/** API group of what callers ask for. */
export const paneletGroup = 'panelet.dev';

/** Decides by SubjectAccessReview on the group `panelet.dev` in the agent's own namespace. */
export function createAccessReviewAuthorizer(reviews: AccessReviews, namespace: string): Authorizer {
  return {
    check: async ({ kubernetes }: Caller, { verb, resource, name }, sure): Promise<AuthorizerDecision> => {
      if (kubernetes === undefined) throw new PaneletError('INTERNAL', 'The API server does not know this caller.');
      const decision = await reviews.mayThey(
        kubernetes,
        { group: paneletGroup, namespace, verb, resource, name },
        sure,
      );
      return { allowed: decision.allowed, reason: decision.reason === '' ? saidNothing(decision) : decision.reason };
    },
  };
}

function saidNothing({ allowed }: AccessDecision): string {
  return allowed ? 'the API server allows it' : 'the API server does not allow it';
}

/** Sends each caller to who decides about them. */
export function combineAuthorizers(roles: Authorizer, kubernetes: Authorizer | undefined): Authorizer {
  return {
    check: (caller, question, sure) => {
      if (caller.kubernetes === undefined) return roles.check(caller, question);
      if (kubernetes === undefined) return { allowed: false, reason: 'nobody decides about this caller here' };
      return kubernetes.check(caller, question, sure);
    },
  };
}

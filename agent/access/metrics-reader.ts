import type { Clock } from '#common/clock.js';
import { isPaneletError } from '#common/errors.js';
import type { Log } from '#common/log.js';
import type { MetricsDecision } from '#common/metrics-server.js';
import type { Reviews } from '../kube/reviews.js';
import { createAccessReviews } from './access-review-authorizer.js';
import { createTokenReviewIdentity } from './token-review-identity.js';

/** What deciding about readers of metrics needs. */
export interface MetricsReaderDeps {
  readonly reviews: Reviews;
  readonly clock: Clock;
  readonly log: Log;
}

/** Lets in who the API server knows and who may get the non-resource URL `/metrics`. */
export function createMetricsReader(deps: MetricsReaderDeps): (authorization?: string) => Promise<MetricsDecision> {
  const identity = createTokenReviewIdentity({ ...deps, audiences: [] });
  const access = createAccessReviews(deps);
  return async (authorization) => {
    try {
      const { kubernetes } = await identity.authenticate({ authorization, remoteAddress: undefined });
      if (kubernetes === undefined) return 'unauthenticated';
      const { allowed } = await access.mayThey(kubernetes, { path: '/metrics', verb: 'get' });
      return allowed ? 'allowed' : 'forbidden';
    } catch (error) {
      return isPaneletError(error, 'IDENTITY_MISSING') ? 'unauthenticated' : 'unavailable';
    }
  };
}

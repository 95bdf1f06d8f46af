import type { Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { MetricsDecision } from '#common/http/metrics-server.js';
import type { Random } from '#common/random.js';
import type { OwnCluster } from '../kube/cluster.js';
import { createAccessReviews } from './access-review-authorizer.js';
import { createTokenReviewIdentity } from './token-review-identity.js';

/** What deciding about readers of metrics needs. */
export interface MetricsReaderDeps {
  readonly cluster: Pick<OwnCluster, 'reviews' | 'ownIssuer'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Decides about a reader by the value of the `authorization` header. */
type MetricsReader = (authorization?: string, remoteAddress?: string) => Promise<MetricsDecision>;

// Scrapers are few; callers must not have to wait for them.
const reviewsUnderWay = 2;

/** Lets in who the API server knows and who may get the non-resource URL `/metrics`. */
export function createMetricsReader({ cluster, clock, random, log }: MetricsReaderDeps): MetricsReader {
  const deps = { reviews: cluster.reviews, clock, random, log, reviewsUnderWay };
  const identity = createTokenReviewIdentity({ ...deps, ownIssuer: cluster.ownIssuer, audiences: [] });
  const access = createAccessReviews(deps);
  return async (authorization, remoteAddress) => {
    try {
      const { kubernetes } = await identity.authenticate({ authorization, remoteAddress });
      if (kubernetes === undefined) return 'unauthenticated';
      const { allowed } = await access.mayThey(kubernetes, { path: '/metrics', verb: 'get' });
      return allowed ? 'allowed' : 'forbidden';
    } catch (error) {
      return isPaneletError(error, 'IDENTITY_MISSING') ? 'unauthenticated' : 'unavailable';
    }
  };
}

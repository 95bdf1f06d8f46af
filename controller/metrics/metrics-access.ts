import { createHash } from 'node:crypto';

import type { Clock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { MetricsDecision } from '#common/http/metrics-server.js';

import type { KubeApi } from '#kube/api.js';
import { subjectAccessReviews, tokenReviews } from '#kube/review-objects.js';

/** What the check needs. */
export interface MetricsAccessDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
}

interface Known {
  readonly decision: MetricsDecision;
  readonly untilMs: number;
}

const allowedMs = 60_000;
const refusedMs = 10_000;
const maxKnown = 64;

/**
 * Decides who may read metrics: whose bearer token it is (TokenReview), and whether they may `get` the non-resource URL
 * `/metrics` (SubjectAccessReview). Answers are remembered for a minute, refusals for ten seconds; tokens are not kept.
 */
export function createMetricsAccess({
  api,
  clock,
}: MetricsAccessDeps): (authorization: string | undefined) => Promise<MetricsDecision> {
  const known = new Map<string, Known>();

  const ask = async (token: string): Promise<MetricsDecision> => {
    const review = await api.create(tokenReviews, { metadata: { name: '' }, spec: { token } });
    const user = review.status?.user;
    if (review.status?.authenticated !== true || user?.username === undefined) return 'unauthenticated';
    const access = await api.create(subjectAccessReviews, {
      metadata: { name: '' },
      spec: {
        user: user.username,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.groups === undefined ? {} : { groups: user.groups }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
        nonResourceAttributes: { path: '/metrics', verb: 'get' },
      },
    });
    return access.status?.allowed === true ? 'allowed' : 'forbidden';
  };

  return async (authorization) => {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return 'unauthenticated';
    const key = createHash('sha256').update(token).digest('base64');
    const found = known.get(key);
    if (found !== undefined && clock.nowMs() < found.untilMs) return found.decision;
    let decision: MetricsDecision;
    try {
      decision = await ask(token);
    } catch (error) {
      // An API server that cannot be asked has not decided anything.
      if (isPaneletError(error)) return 'unavailable';
      throw error;
    }
    known.delete(key);
    known.set(key, { decision, untilMs: clock.nowMs() + (decision === 'allowed' ? allowedMs : refusedMs) });
    const oldest = known.keys().next();
    if (known.size > maxKnown && oldest.done !== true) known.delete(oldest.value);
    return decision;
  };
}

import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { OwnCluster } from '../kube/cluster.js';
import type { AgentConfig } from '../config/config.js';
import { createFileIdentity } from './identity-file.js';
import { createLoopbackIdentity, type Identity } from './identity.js';
import { combineAuthorizers, createAccessReviewAuthorizer, createAccessReviews } from './access-review-authorizer.js';
import { createAudit } from './audit.js';
import { watchAuthentications, type AuthenticationResult } from './authentications.js';
import { acceptControllers } from './controller-certificates.js';
import { createPermissions, type DecisionKind, type Permissions } from './permissions.js';
import { createRefusalAudit } from './refusal-audit.js';
import { createRoleAuthorizer } from './role-authorizer.js';
import { createTokenReviewIdentity } from './token-review-identity.js';

/** Who callers are, and what they may do. */
export interface Access {
  readonly identity: Identity;
  readonly permissions: Permissions;
}

/** What access needs. */
export interface AccessDeps {
  readonly cluster: OwnCluster | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onDecision: (kind: DecisionKind) => void;
  readonly onAuthentication: (result: AuthenticationResult) => void;
}

/** Access as configured. @throws PaneletError CONFIG_INVALID when the identity file cannot be used. */
export async function openAccess(config: AgentConfig, deps: AccessDeps): Promise<Access> {
  const { cluster, clock, random, log, onDecision, onAuthentication } = deps;
  const known = acceptControllers(await openIdentity(config, deps));
  const identity = watchAuthentications(known, {
    audit: createRefusalAudit({ log, clock }),
    onResult: onAuthentication,
  });
  const authorizer = combineAuthorizers(
    createRoleAuthorizer(),
    cluster === undefined
      ? undefined
      : createAccessReviewAuthorizer(
          createAccessReviews({ reviews: cluster.reviews, clock, random, log }),
          cluster.namespace,
        ),
  );
  return { identity, permissions: createPermissions({ authorizer, audit: createAudit(log), onDecision }) };
}

async function openIdentity({ identity }: AgentConfig, { cluster, clock, random, log }: AccessDeps): Promise<Identity> {
  if (identity === undefined || 'insecureLoopback' in identity) return createLoopbackIdentity();
  if ('file' in identity) return createFileIdentity(identity.file);
  if (cluster === undefined) throw new PaneletError('INTERNAL', 'The identity needs a cluster.');
  const { reviews, ownIssuer } = cluster;
  const audiences = [identity.kubernetes.audience];
  return createTokenReviewIdentity({ reviews, ownIssuer, audiences, clock, random, log });
}

import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { AgentConfig } from '../config/config.js';
import { createApiClient, type ApiClient } from '#kube/plain/api-client.js';
import type { ClusterAccess } from '#kube/plain/cluster-access.js';
import { createOwnIssuer } from './own-issuer.js';
import { createReviews, type Reviews } from './reviews.js';

/** What an agent knows about the pod it runs in; all empty outside of a cluster. */
export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  /** Undefined when it is not known. */
  readonly ip: string | undefined;
}

/** The cluster that the agent's pod is in. */
export interface OwnCluster {
  readonly api: ApiClient;
  readonly reviews: Reviews;
  /** The issuer of the agent's own token; undefined while it is not known. */
  readonly ownIssuer: () => Promise<string | undefined>;
  readonly namespace: string;
  close(): void;
}

/** What reaching it needs. */
export interface ClusterDeps {
  /** Undefined outside of a cluster. */
  readonly access: ClusterAccess | undefined;
  readonly pod: PodFacts;
  readonly clock: Clock;
}

/**
 * The cluster, when something in the configuration needs it.
 * @throws PaneletError CONFIG_INVALID when it does and this is no pod, or its namespace is not known.
 */
export function openCluster(config: AgentConfig, { access, pod, clock }: ClusterDeps): OwnCluster | undefined {
  const key = clusterKey(config);
  if (key === undefined) return undefined;
  const refuse = (what: string): never => {
    throw new PaneletError('CONFIG_INVALID', `${key}: ${what}`);
  };
  if (access === undefined) return refuse('only works in a pod; KUBERNETES_SERVICE_HOST is not set.');
  if (pod.namespace === '') return refuse('needs PANELET_POD_NAMESPACE, the namespace of the pod.');
  const api = createApiClient({ access, clock });
  const ownIssuer = createOwnIssuer({ tokenFile: access.tokenFile, clock });
  return { api, reviews: createReviews(api), ownIssuer, namespace: pod.namespace, close: () => api.close() };
}

function clusterKey({ identity, tls, metrics }: AgentConfig): string | undefined {
  if (identity !== undefined && 'kubernetes' in identity) return 'identity.kubernetes';
  if (tls !== undefined && 'kubernetes' in tls) return 'tls.kubernetes';
  return metrics === undefined ? undefined : 'metrics';
}

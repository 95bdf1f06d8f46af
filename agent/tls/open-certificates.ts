import { join } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { OwnCluster, PodFacts } from '../kube/cluster.js';
import type { AgentConfig } from '../config/config.js';
import { createCertificateRequests } from '../kube/certificate-requests.js';
import { followConfigMap } from '../kube/config-map.js';
import { openCertificateFiles } from './certificate-files.js';
import type { CertificateSource } from './certificate-source.js';
import { openIdentityStore, type StoreOwner } from './identity-store.js';
import { createNodeCertificate } from './node-certificate.js';

/** What certificates need. */
export interface CertificatesDeps {
  readonly cluster: OwnCluster | undefined;
  readonly pod: PodFacts;
  readonly storeOwner: StoreOwner;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The source that the configuration names; undefined without TLS.
 * @throws PaneletError CONFIG_INVALID for files that cannot be used; STATE_DIR_UNUSABLE.
 */
export async function openCertificates(
  config: AgentConfig,
  { cluster, pod, storeOwner, clock, random, log }: CertificatesDeps,
): Promise<CertificateSource | undefined> {
  if (config.tls === undefined) return undefined;
  if ('certFile' in config.tls) return openCertificateFiles({ files: config.tls, clock, log });
  if (cluster === undefined) throw new PaneletError('INTERNAL', 'The certificate needs a cluster.');
  const { signerName, validitySeconds, serviceName, caConfigMap } = config.tls.kubernetes;
  const { api, namespace } = cluster;
  return createNodeCertificate({
    ...{ clock, random, log, signerName, validitySeconds },
    store: await openIdentityStore(join(config.stateDir, 'identity'), storeOwner),
    requests: createCertificateRequests(api),
    names: { node: config.node, namespace, serviceName, podIp: pod.ip },
    followBundle: (onBundle, signal) => {
      const onData = (data: Readonly<Record<string, string>> | undefined): void => onBundle(data?.['ca.crt']);
      return followConfigMap({ api, clock, random, log, namespace, name: caConfigMap, onData, signal });
    },
  });
}

/** Waits for the first certificate: nothing is ever served in the clear instead. @throws the signal's reason. */
export async function untilCertificate(source: CertificateSource, signal: AbortSignal): Promise<void> {
  await source.changes.until(() => source.current(), signal);
}

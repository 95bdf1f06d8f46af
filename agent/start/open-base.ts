import { startHealthServer } from '#common/http/health-server.js';
import type { Instances } from '#common/files/instances.js';
import { openAccess, type Access } from '../access/open-access.js';
import type { AgentConfig } from '../config/config.js';
import { openCluster, type OwnCluster } from '../kube/cluster.js';
import type { Cleanup } from '../life/cleanup.js';
import { prepareDirectories } from '../life/directories.js';
import { joinAgents } from '../life/join-agents.js';
import { createAgentMetrics, type AgentMetrics } from '../life/metrics.js';
import { createReadiness, type Readiness } from '../life/readiness.js';
import type { CertificateSource } from '../tls/certificate-source.js';
import { openCertificates, untilCertificate } from '../tls/open-certificates.js';
import type { AgentDeps } from './agent-deps.js';

/** What is there before anybody can connect. */
export interface AgentBase {
  readonly deps: AgentDeps;
  readonly config: AgentConfig;
  readonly cleanup: Cleanup;
  readonly readiness: Readiness;
  readonly metrics: AgentMetrics;
  /** The agents of this node, which share its directories. */
  readonly agents: Instances;
  readonly cluster: OwnCluster | undefined;
  readonly certificates: CertificateSource | undefined;
  readonly access: Access;
}

/** Answers probes, takes the directory and waits for a certificate. */
export async function openBase(deps: AgentDeps, config: AgentConfig, cleanup: Cleanup): Promise<AgentBase> {
  const { clock, random, log, pod, signal } = deps;
  const readiness = createReadiness({ clock });
  const metrics = createAgentMetrics(clock);
  const cluster = openCluster(config, { access: deps.clusterAccess, pod, clock });
  cleanup.add(() => cluster?.close());
  if (config.health !== undefined) {
    const probes = await startHealthServer({ listen: config.health.listen, unready: () => readiness.reasons() });
    cleanup.add(() => probes.close());
    log.info({ port: probes.port }, 'Probes are answered');
  }
  const access = await openAccess(config, {
    ...{ cluster, clock, random, log },
    onDecision: (kind) => metrics.countDecision(kind),
    onAuthentication: (result) => metrics.countAuthentication(result),
  });
  await prepareDirectories(config, pod.uid);
  readiness.starting('Another agent still has the run directory.');
  const { agents, leave } = await joinAgents(config, { podUid: pod.uid, clock, random, log, signal });
  cleanup.add(leave);
  readiness.starting('The agent waits for its certificate.');
  const storeOwner = { writer: String(agents.own.number), keeps: () => !agents.hasNewer };
  const certificates = await openCertificates(config, { cluster, pod, storeOwner, clock, random, log });
  if (certificates !== undefined) {
    cleanup.add(() => certificates.close());
    readiness.watchCertificate(() => certificates.unready());
    await untilCertificate(certificates, signal);
  }
  readiness.starting('The agent takes up its workers.');
  return { deps, config, cleanup, readiness, metrics, agents, cluster, certificates, access };
}

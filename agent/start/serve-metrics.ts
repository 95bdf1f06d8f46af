import { startMetricsServer } from '#common/http/metrics-server.js';
import { createMetricsReader } from '../access/metrics-reader.js';
import type { Front } from '../front/front.js';
import type { NodeGate } from '../gate/node-gate.js';
import type { Registry } from '../workers/registry.js';
import type { AgentBase } from './open-base.js';

/** What the agent's metrics are read from. */
export interface Observed {
  readonly front: Front;
  readonly gateFront: Front | undefined;
  readonly registry: Registry;
  readonly gate: NodeGate;
}

/** Observes what serves, and opens the port for metrics where one is configured. */
export async function serveMetrics(base: AgentBase, { front, gateFront, registry, gate }: Observed): Promise<void> {
  const { config, agents, cluster, certificates, metrics, deps, cleanup } = base;
  metrics.observe({
    workers: () => registry.workers(),
    // Both agents of a node see the workers of its hosts; sums over agents count them once.
    isTold: ({ panel }) => panel.target !== 'host' || !agents.hasNewer,
    gateStatus: (target) => gate.statusOf(target),
    connections: () => front.connections() + (gateFront?.connections() ?? 0),
    certificate: () => certificates?.current()?.cert,
  });
  if (config.metrics === undefined || cluster === undefined || certificates === undefined) return;
  const { clock, random, log } = deps;
  const server = await startMetricsServer({
    listen: config.metrics.listen,
    certificate: () => certificates.current(),
    authorize: createMetricsReader({ cluster, clock, random, log }),
    render: () => metrics.render(),
    log,
  });
  const unsubscribe = certificates.changes.subscribe(() => server.refreshCertificate());
  cleanup.add(() => {
    unsubscribe();
    return server.close();
  });
}

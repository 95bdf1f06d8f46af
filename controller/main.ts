import { hostname } from 'node:os';
import { isIP } from 'node:net';

import { createSystemClock, type Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { startHealthServer } from '#common/http/health-server.js';
import { createLog, type Log } from '#common/log.js';
import { startMetricsServer } from '#common/http/metrics-server.js';
import { version } from '#common/version.js';
import { createSystemRandom, type Random } from '#common/random.js';

import { readArguments, usage, type ControllerArguments } from './arguments.js';
import { readCleanupArguments } from './cleanup/cleanup-arguments.js';
import { runCleanup } from './cleanup/cleanup.js';
import type { KubeApi } from '#kube/api.js';
import { createKubeClient } from '#kube/client-node/kube-client.js';
import { loadKubeConfig } from '#kube/client-node/load-kube-config.js';
import { createControllerMetrics, type ControllerMetrics } from './metrics/controller-metrics.js';
import { createMetricsAccess } from './metrics/metrics-access.js';
import { startController, type ControllerOptions, type RunningController } from './run-controller.js';
import type { CertificateName } from './tls/authority.js';
import { createTransport, type Transport } from './transport.js';

const exitFailed = 1;
const exitNotStarted = 2;

async function main(): Promise<number> {
  const [command, ...rest] = process.argv.slice(2);
  if (command === 'cleanup') {
    const cleanup = readCleanupArguments(rest);
    const clock = createSystemClock({ keepsAlive: true });
    const config = loadKubeConfig(cleanup.kubeconfig);
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    await runCleanup({ api: createKubeClient({ config, clock }), clock, say }, cleanup);
    await config.close();
    return 0;
  }
  const args = readArguments(process.argv.slice(2), hostname());
  if (args !== 'help' && args !== 'version') return run(args);
  process.stdout.write(args === 'help' ? usage : `${version}\n`);
  return 0;
}

async function run(args: ControllerArguments): Promise<number> {
  const { namespace } = args;
  const log = createLog({ name: 'panelet-controller', level: args.logLevel });
  const clock = createSystemClock({ keepsAlive: true });
  const random = createSystemRandom();
  const config = loadKubeConfig(args.kubeconfig);
  const metrics = createControllerMetrics();
  const api = metrics.count(createKubeClient({ config, clock }));
  const transport = createTransport(args.transport, {
    ...{ api, namespace, clock, random, log },
    serverNames: serverNames(args, process.env['PANELET_POD_IP']),
  });
  exitOnCrash(log);
  const asked = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => asked.abort());
  const running = transport.run(asked.signal);
  const controller = startController(
    {
      ...{ api, gates: transport.gates, clock, random, log, signal: asked.signal },
      metrics: metrics.restarts,
      onReconciled: (tookMs) => metrics.reconciled(tookMs),
      alongside: (signal, { pods }) => transport.lead(signal, pods),
    },
    controllerOptions(args, random),
  );
  metrics.watch({
    queueDepth: () => controller.queueDepth(),
    isLeading: () => controller.isLeading(),
    detachedPods: () => controller.detachedPods(),
    stalledRestarts: () => controller.stalledRestarts(),
    caExpirySeconds: () => transport.caExpirySeconds(),
  });
  await startServers(args, { api, clock, log, metrics, transport, controller });
  const how = await controller.ended;
  if (how !== 'lost') await running;
  transport.gates.close();
  await config.close();
  return how === 'lost' ? exitFailed : 0;
}

function exitOnCrash(log: Log): void {
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'Controller crashed');
    process.exit(exitFailed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

function controllerOptions(args: ControllerArguments, random: Random): ControllerOptions {
  const { namespace, leaseName, leaseMs } = args;
  return {
    ...{ namespace, leaseName, leaseMs },
    identity: `${args.identity}_${random.uuid()}`,
    renewDeadlineMs: (leaseMs * 2) / 3,
    retryMs: Math.min(2_000, leaseMs / 6),
  };
}

/** What the servers for health and metrics tell of. */
interface Served {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly transport: Transport;
  readonly controller: RunningController;
}

async function startServers(args: ControllerArguments, served: Served): Promise<void> {
  const { api, clock, log, metrics, transport, controller } = served;
  if (args.health !== undefined) {
    const unsynced = (): string[] => (controller.isSynced() ? [] : ['Not everything it watches has been listed yet.']);
    await startHealthServer({ listen: args.health, unready: () => [...unsynced(), ...transport.unready()] });
  }
  if (args.metrics === undefined) return;
  metrics.watchProcess();
  const server = await startMetricsServer({
    listen: args.metrics,
    certificate: () => transport.identity?.current()?.server,
    authorize: createMetricsAccess({ api, clock }),
    render: () => metrics.render(),
    log,
  });
  transport.identity?.onChange(() => server.refreshCertificate());
}

function serverNames({ namespace, leaseName }: ControllerArguments, podIp: string | undefined): CertificateName[] {
  const names = [...new Set([`panelet-controller.${namespace}.svc`, `${leaseName}.${namespace}.svc`])];
  const ip = podIp === undefined || isIP(podIp) === 0 ? [] : [{ type: 'ip' as const, value: podIp }];
  return [...names.map((value) => ({ type: 'dns' as const, value })), ...ip];
}

try {
  process.exit(await main());
} catch (error) {
  const { code, message } = PaneletError.from(error, 'CONFIG_INVALID');
  process.stderr.write(`panelet-controller: ${code}: ${message}\n`);
  process.exit(exitNotStarted);
}

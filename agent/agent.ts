import { join } from 'node:path';
import type { Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { startHealthServer } from '#common/http/health-server.js';
import { createHealth } from '#common/grpc/health.js';
import type { Log } from '#common/log.js';
import { startMetricsServer } from '#common/http/metrics-server.js';
import type { Random } from '#common/random.js';
import { State, Target } from '#proto/gate/v1/gate.js';
import { createMetricsReader } from './access/metrics-reader.js';
import { openAccess, type Access } from './access/open-access.js';
import { createCleanup, type Cleanup } from './life/cleanup.js';
import { openCluster, type OwnCluster, type PodFacts } from './kube/cluster.js';
import { readAgentConfig, type AgentConfig, type ConfigOverrides } from './config/config.js';
import { prepareDirectories, removeStaleSockets } from './life/directories.js';
import { createAttachPermit, createAttachReview } from './access/attach-permit.js';
import { createAttachRelay } from './front/calls/attach-relay.js';
import { createAttachmentReviews, type AttachmentReviews } from './access/attachment-reviews.js';
import { createCallRates } from './front/turns/call-rates.js';
import { nodeMetadata } from '#common/grpc/grpc-status.js';
import { createContainment } from './front/stream/contain.js';
import type { EndReason } from './front/connection/connections.js';
import { openFront, type Front } from './front/front.js';
import { openGateFront } from './front/gate-front.js';
import { createHealthCalls } from './front/calls/health-calls.js';
import { createRouter } from './front/calls/router.js';
import { createUpstream } from './front/upstream/upstream.js';
import { createVerifiedCalls } from './front/calls/verified-calls.js';
import { createWorkerAdmission } from './gate/admission.js';
import { createCordons } from './gate/cordons.js';
import { createFencing } from './gate/fencing.js';
import { openFencingFile } from './gate/fencing-file.js';
import { createAgentGate, type AgentGate } from './gate/gate.js';
import type { ClusterAccess } from '#kube/plain/cluster-access.js';
import { createAgentMetrics, type AgentMetrics } from './life/metrics.js';
import { createReadiness, type Readiness } from './life/readiness.js';
import { noteFiles, reloadAgent, reloadConfiguration, tellProblems } from './life/reload.js';
import { createCallerReader } from './services/caller.js';
import { createGateService } from './services/gate-service.js';
import { openServices } from './services/services.js';
import { createSessionService } from './services/session-service.js';
import { shutDownWorkers } from './life/shutdown.js';
import { takeDirectory } from '#common/files/take-directory.js';
import type { CertificateSource } from './tls/certificate-source.js';
import { openCertificates, untilCertificate } from './tls/open-certificates.js';
import { watchDirectory } from './config/watch-directory.js';
import type { Launcher } from './workers/launcher.js';
import type { ProcessTable } from './workers/process-table.js';
import { createRegistry, type Registry } from './workers/registry.js';
import type { NodeWorker } from './workers/node-worker.js';

/** What an agent needs from the outside. */
export interface AgentDeps {
  readonly configFile: string;
  readonly overrides: ConfigOverrides;
  readonly pod: PodFacts;
  /** How the API server is reached; undefined outside of a cluster. */
  readonly clusterAccess: ClusterAccess | undefined;
  readonly version: string;
  /** Program and leading arguments of workers, where the configuration does not say. */
  readonly workerCommand: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: ProcessTable;
  readonly launch: Launcher;
  /** Calls the start off, while it waits for another agent to end or for a certificate. */
  readonly signal: AbortSignal;
}

/** A running agent. */
export interface Agent {
  readonly port: number;
  /** Takes up configuration, panels, identities and certificates; keeps what is in force when something is wrong. */
  reload(): Promise<void>;
  /** Drains, ends what goes with it, and closes. Resolves with true when nothing was forced. Again: hurries. */
  stop(): Promise<boolean>;
}

const adoptionMs = 10_000;
const closeMs = 300;
// A replacement pod may start while the agent before it still drains.
const lockWaitMs = 60_000;
const sessionServiceName = 'panelet.session.v1.SessionService';
const gateServiceName = 'panelet.gate.v1.GateService';

/**
 * Starts an agent: takes the directory, waits for a certificate, takes the port, adopts the workers that live, and only then
 * lets anyone in. Probes are answered from the beginning.
 * @throws PaneletError CONFIG_INVALID, STATE_DIR_UNUSABLE, ALREADY_RUNNING or PORT_TAKEN, or the signal's reason; nothing is
 * left behind then.
 */
export async function startAgent(deps: AgentDeps): Promise<Agent> {
  const config = await readAgentConfig(deps.configFile, deps.overrides);
  deps.log.level = config.log.level;
  tellProblems(deps.log, config);
  const cleanup = createCleanup();
  try {
    const base = await openBase(deps, config, cleanup);
    const serving = await serve(base);
    return await admit(base, serving);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** What is there before anybody can connect. */
interface Base {
  readonly deps: AgentDeps;
  readonly config: AgentConfig;
  readonly cleanup: Cleanup;
  readonly readiness: Readiness;
  readonly metrics: AgentMetrics;
  readonly cluster: OwnCluster | undefined;
  readonly certificates: CertificateSource | undefined;
  readonly access: Access;
}

async function openBase(deps: AgentDeps, config: AgentConfig, cleanup: Cleanup): Promise<Base> {
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
  await prepareDirectories(config);
  readiness.starting('Another agent still has the run directory.');
  const waitMs = pod.uid === '' ? 0 : lockWaitMs;
  const lock = await takeDirectory(join(config.runDir, 'agent-lock'), { waitMs, clock, random, log, signal });
  cleanup.add(() => lock.release());
  readiness.starting('The agent waits for its certificate.');
  const certificates = await openCertificates(config, { cluster, pod, clock, random, log });
  if (certificates !== undefined) {
    cleanup.add(() => certificates.close());
    readiness.watchCertificate(() => certificates.unready());
    await untilCertificate(certificates, signal);
  }
  readiness.starting('The agent takes up its workers.');
  return { deps, config, cleanup, readiness, metrics, cluster, certificates, access };
}

/** What serves. */
interface Serving {
  readonly instance: string;
  readonly front: Front;
  /** For controllers only. */
  readonly gateFront: Front | undefined;
  readonly registry: Registry;
  readonly gate: AgentGate;
  readonly stale: Set<string>;
  readonly attachmentReviews: AttachmentReviews;
  readonly shutDown: (hurry: AbortSignal) => Promise<boolean>;
  readonly closeServices: () => Promise<void>;
  readonly showHealth: () => void;
  readonly stopHealth: () => void;
}

async function serve(base: Base): Promise<Serving> {
  const { deps, config, cleanup, metrics, access } = base;
  const { log, clock, random } = deps;
  const instance = random.uuid();
  const cordons = createCordons(clock, () => registry.changes.notify());
  cleanup.add(() => cordons.close());
  const fencing = createFencing(await openFencingFile(config.stateDir, log));
  const registry = createNodeRegistry(deps, config, {
    instance,
    admission: createWorkerAdmission({ cordons, fencing, clock, log }),
  });
  cleanup.add(() => registry.close());
  const socketPath = join(config.runDir, `agent-${instance.slice(0, 8)}.sock`);
  const upstream = createUpstream({ socketPath, clock });
  cleanup.add(() => upstream.close());
  const containment = createContainment({ log, onContained: () => metrics.countContained() });
  const relaying = {
    ...{ containment, said: nodeMetadata(config.node) },
    onDropped: (count: number) => metrics.countDropped(count),
  };
  const attachmentReviews = createAttachmentReviews({
    ...{ clock, random, log, everyMs: config.limits.reviewAttachmentsMs },
    ask: createAttachReview(access),
    onReviewed: (kind) => metrics.countReview(kind),
  });
  cleanup.add(() => attachmentReviews.close());
  const attach = createAttachRelay({
    ...{ ...config.limits, clock, targets: registry, relaying },
    onOutcome: (panel, code) => metrics.countAttach(panel, code),
    permit: createAttachPermit(access),
    expect: () => attachmentReviews.expect(),
    nameAttachment: () => random.uuid(),
  });
  const calls = createVerifiedCalls(random);
  const health = createHealth(['', sessionServiceName, gateServiceName]);
  const { handle: answerHealth } = createHealthCalls({ health, clock, requestMs: config.limits.helloTimeoutMs });
  const { identity } = access;
  const rates = createCallRates({ clock, perSecond: config.limits.callsPerSecond });
  const routing = { identity, attach, health: answerHealth, services: upstream, calls, rates, relaying };
  const address = { ...config.listen, tls: base.certificates };
  const listening = {
    log,
    clock,
    random,
    containment,
    node: config.node,
    rates,
    onEnded: (reason: EndReason) => metrics.countEnded(reason),
  };
  const front = await openFront(address, { ...listening, limits: config.limits, route: createRouter(routing) });
  cleanup.add(() => front.close(0));
  const gateFront = await openGateFront(config, { ...listening, ...routing, tls: base.certificates });
  cleanup.add(() => gateFront?.close(0));
  const stale = new Set<string>();
  const restartRequired = (): boolean =>
    stale.size > 0 || registry.workers().some((worker) => worker.supervisor?.status().restartRequired === true);
  const names = { instance, node: config.node, podUid: deps.pod.uid, version: deps.version };
  const gate = createAgentGate({ clock, log, names, nodeWorkers: registry, cordons, fencing, restartRequired });
  const caller = createCallerReader(calls);
  const { permissions } = access;
  const { node } = config;
  await removeStaleSockets(config.runDir);
  const services = await openServices({
    socketPath,
    session: createSessionService({ registry, node, clock, caller, permissions, log }),
    gate: createGateService({ gate, node, caller, permissions, log }),
  });
  cleanup.add(() => services.close());
  await serveMetrics(base, { front, gateFront, registry, gate });
  const graceMs = config.gracePeriodSeconds * 1000;
  return {
    ...{ instance, front, gateFront, registry, gate, stale, attachmentReviews },
    shutDown: (hurry) => shutDownWorkers({ registry, clock, log, instance, cordons, graceMs, hurry }),
    closeServices: () => services.close(),
    showHealth: () => {
      for (const name of ['', gateServiceName]) health.set(name, true);
      health.set(sessionServiceName, gate.status(Target.AGENT).state === State.SERVING);
    },
    stopHealth: () => health.set(sessionServiceName, false),
  };
}

async function admit(base: Base, serving: Serving): Promise<Agent> {
  const { deps, config, cleanup, readiness } = base;
  const { clock, log } = deps;
  const { registry, front, gateFront, instance } = serving;
  for (const panel of config.panels) registry.add(panel);
  await untilAdopted(registry, clock);
  front.admit();
  gateFront?.admit();
  readiness.admitted(registry);
  const unsubscribe = registry.changes.subscribe(serving.showHealth);
  serving.showHealth();
  log.info({ node: config.node, port: front.port, gatePort: gateFront?.port, instance }, 'Agent serves');

  let stopping: Promise<boolean> | undefined;
  const panelFiles = new Map<string, string>();
  noteFiles(panelFiles, config);
  const { identity } = base.access;
  const reloading = { deps, config, identity, certificates: base.certificates, panelFiles, ...serving };
  let turn = Promise.resolve();
  const inTurn = (run: () => Promise<void>): Promise<void> => (turn = turn.then(run));
  const takeUp = (): void => {
    if (stopping === undefined) void inTurn(() => reloadConfiguration(reloading));
  };
  if (config.panelsDir !== undefined) cleanup.add(watchDirectory(config.panelsDir, takeUp, { clock, log }));

  const hurry = new AbortController();
  const stop = async (): Promise<boolean> => {
    log.info('Agent stops');
    readiness.stopping();
    unsubscribe();
    serving.stopHealth();
    const clean = await serving.shutDown(hurry.signal);
    registry.close();
    await Promise.all([front.close(closeMs), gateFront?.close(closeMs)]);
    await serving.closeServices();
    await cleanup.run();
    log.info({ clean }, 'Agent stopped');
    return clean;
  };
  return {
    port: front.port,
    reload: () => inTurn(() => reloadAgent(reloading)),
    stop: () => {
      if (stopping === undefined) stopping = stop();
      else hurry.abort(new Error('A second signal came.'));
      return stopping;
    },
  };
}

type Observed = Pick<Serving, 'front' | 'gateFront' | 'registry' | 'gate'>;

async function serveMetrics(base: Base, { front, gateFront, registry, gate }: Observed): Promise<void> {
  const { config, cluster, certificates, metrics, deps, cleanup } = base;
  metrics.observe({
    workers: () => registry.workers(),
    gateStatus: (target) => gate.status(target),
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

interface RegistryParts {
  readonly instance: string;
  readonly admission: ReturnType<typeof createWorkerAdmission>;
}

function createNodeRegistry(deps: AgentDeps, config: AgentConfig, { instance, admission }: RegistryParts): Registry {
  const { clock, random, env, table, launch } = deps;
  return createRegistry({
    ...{ clock, random, env, table, launch, admission },
    log: deps.log,
    agentInstance: instance,
    runDir: config.runDir,
    stateDir: config.stateDir,
    command: {
      sessionsPerOwner: config.sessionsPerOwner,
      workerCommand: config.workerCommand ?? deps.workerCommand,
      node: config.node,
      stateDir: config.stateDir,
      logLevel: config.log.level === 'silent' ? 'fatal' : config.log.level,
    },
  });
}

// What lives is known, and with it every gate state; bounded, because one hung worker must not keep all others out.
async function untilAdopted(registry: Registry, clock: Clock): Promise<void> {
  const untilAsked = async (worker: NodeWorker, signal: AbortSignal): Promise<void> => {
    await worker.supervisor?.adopted;
    const fresh = worker.supervisor !== undefined && worker.supervisor.status().process === undefined;
    if (!fresh) await registry.changes.until(() => worker.link.asked() || undefined, signal);
  };
  const untilAll = (signal: AbortSignal): Promise<unknown> =>
    Promise.all(registry.workers().map((worker) => untilAsked(worker, signal)));
  await withDeadline({ clock, limitMs: adoptionMs }, untilAll).catch(() => undefined);
}

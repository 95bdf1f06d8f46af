import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthService as healthDefinition } from '#grpc/health/v1/health.js';
import type { Clock } from '#common/time/clock.js';
import { createHealth, type Health } from '#common/grpc/health.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import { startSweeping } from '#common/time/sweep.js';
import type { Log } from '#common/log.js';
import { explainRefusals } from '#common/grpc/explain-refusals.js';
import type { Random } from '#common/random.js';
import { GateServiceService, Target } from '#proto/gate/v1/gate.js';
import { WorkerServiceService } from '#proto/worker/v1/worker.js';
import { defaultLimits } from '#session/codec/limits.js';
import { startLifeLimits, type LifeLimits } from './sessions/life-limits.js';
import { startDetachSweeper } from './sessions/detach-sweeper.js';
import { Gate } from './drain/gate.js';
import { defaultDrainRules, type DrainRules } from './drain/state.js';
import type { PanelDefinition } from './panel/panel.js';
import { Giver } from './handover/giver.js';
import { connectPeer } from './handover/peer.js';
import { serveHandover } from './handover/serve-handover.js';
import type { HandoverTaker } from './handover/service.js';
import { createHandoverTaker } from './handover/taker.js';
import { CallerWatches } from './services/caller-watches.js';
import { createGateService } from './services/gate-service.js';
import { createSessionService, sessionServiceDefinition } from './services/session-service.js';
import { WorkerWatches } from './services/worker-watches.js';
import { createWorkerService, type WorkerService } from './services/worker-service.js';
import { createAttachHandler, type AttachHandler } from './sessions/attach-handler.js';
import { ExpectedSessions } from './sessions/expected-sessions.js';
import { NodeAgents } from './sessions/node-agents.js';
import { createOwnerQuota, type SessionsPerOwner } from './sessions/owner-quota.js';
import { SessionRegistry } from './sessions/session-registry.js';
import { prepareSocket } from './socket.js';
import type { PanelStorage } from './storage/panel-storage.js';
import { openRetirement } from './drain/open-retirement.js';

/** What a worker needs. */
export interface WorkerDeps {
  readonly definition: PanelDefinition;
  readonly storage: PanelStorage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly options: WorkerOptions;
}

/** How a worker is set up. */
export interface WorkerOptions {
  /** Path of the Unix socket to serve on. */
  readonly socket: string;
  readonly node: string;
  readonly target: 'agent' | 'host';
  readonly pid: number;
  /** Uid of the worker's pod; empty where there is none. @default empty */
  readonly podUid?: string;
  /** How long a session without a client is kept while an agent is there, in milliseconds. */
  readonly detachTtlMs: number;
  readonly maxSessions: number;
  /** Of them, those of one owner. */
  readonly sessionsPerOwner: SessionsPerOwner;
  /** @default none */
  readonly lifeLimits?: LifeLimits;
  /** Limits of the drain's states. @default those of docs/reference/gate.md */
  readonly rules?: Partial<DrainRules>;
}

/** A worker that serves. */
export interface Worker {
  readonly gate: Gate;
  /**
   * Drains within the grace period and ends; called again, hurries. The sessions that can be written down are, the
   * others end.
   */
  terminate(graceMs: number): void;
  /** Resolves when the drain of `terminate` is complete and nobody is served any more, with what was forced. */
  readonly ended: Promise<{ readonly forced: number }>;
}

const openLimitMs = 10_000;
/** Serves this much beyond the limit of a Frames message, so that it is the worker that answers one that is too large. */
const maxReceiveBytes = 1024 * 1024;
/** How long answers under way may take when the server stops, in milliseconds. */
const stopLimitMs = 500;
/** How long panel sessions that were ended may take to end their processes, in milliseconds. */
const settleLimitMs = 5_000;

/**
 * Starts a worker: finds what an earlier one left on storage, then serves on the socket.
 * @throws STATE_DIR_UNUSABLE, CONFIG_INVALID, ALREADY_RUNNING
 */
export async function startWorker(deps: WorkerDeps): Promise<Worker> {
  const { definition, storage, clock, log, options } = deps;
  const parts = await assemble(deps);
  const { gate, server, stopping } = parts;
  await prepareSocket(options.socket);
  await bind(server, options.socket);
  const { own } = storage.instances;
  const closeHandover = await serveHandover(storage.instances.socketOf(own.number), parts.taker, log);
  const ended = createLatch<{ forced: number }>();
  const stop = async (): Promise<void> => {
    closeHandover();
    await parts.stop();
    ended.resolve({ forced: gate.forcedCount });
  };
  gate.listen(() => {
    if (gate.state.phase === 'CLOSED' && gate.state.terminating && !stopping.signal.aborted) {
      stopping.abort();
      void stop();
    }
  });
  log.info(
    { panel: definition.name, socket: options.socket, dormant: parts.registry.dormant.size },
    'The worker serves',
  );
  return {
    gate,
    ended: ended.promise,
    terminate: (graceMs) => {
      gate.command({ kind: 'terminate', graceMs, restartUid: `shutdown-${clock.date().toISOString()}` });
    },
  };
}

interface Parts {
  readonly gate: Gate;
  readonly registry: SessionRegistry;
  readonly taker: HandoverTaker;
  readonly server: Server;
  readonly stopping: AbortController;
  /** Stops serving and lets the storage go. */
  stop(): Promise<void>;
}

/** The sessions and the gate over them: what the services serve. */
interface Core {
  readonly health: Health;
  readonly registry: SessionRegistry;
  readonly attach: AttachHandler;
  readonly gate: Gate;
  readonly giver: Giver;
  readonly watches: WorkerWatches;
  readonly callerWatches: CallerWatches;
  readonly agents: NodeAgents;
  readonly expected: ExpectedSessions;
  readonly instance: string;
  readonly target: Target;
}

async function assemble(deps: WorkerDeps): Promise<Parts> {
  const { definition, storage, clock, random, log } = deps;
  const core = await openCore(deps);
  const { registry, gate, health, expected } = core;
  const workerService = createService(deps, core);
  const stopping = new AbortController();
  startWatchers(deps, { registry, gate, signal: stopping.signal, isWatched: () => workerService.watchers() > 0 });
  const server = createWorkerServer(deps, core, workerService);
  const admitsNew = (): boolean => gate.admitsNew;
  const { offerTo: offer } = core.giver;
  return {
    gate,
    registry,
    taker: createHandoverTaker({ definition, storage, registry, expected, admitsNew, offer, clock, random, log }),
    server,
    stopping,
    stop: async () => {
      workerService.close();
      core.callerWatches.close();
      health.close();
      gate.close();
      await registry.settle(settleLimitMs);
      await stopServer(server, clock);
      await storage.close();
    },
  };
}

async function openCore(deps: WorkerDeps): Promise<Core> {
  const { definition, storage, clock, random, log, options } = deps;
  const { node, maxSessions, podUid = '' } = options;
  const target = options.target === 'host' ? Target.HOST : Target.AGENT;
  const instance = storage.instances.own.id;
  const health = createHealth([]);
  health.set('', true);
  const expected = new ExpectedSessions();
  const callerWatches = new CallerWatches(clock);
  // The gate counts the sessions, and the sessions tell the gate what changes.
  const registry: SessionRegistry = new SessionRegistry({
    ...{ definition, storage, clock, random, log, node, maxSessions, expected },
    quota: createOwnerQuota({ clock, panel: definition.name, sessions: options.sessionsPerOwner }),
    limits: defaultLimits,
    resumeTtlMs: options.detachTtlMs,
    openLimitMs,
    gate: () => gate,
    onChange: () => gate.changed(),
    onOpened: () => gate.sessionOpened(),
    onEnded: (_driver, end) => gate.sessionEnded(end.kind),
  });
  await registry.discover();
  const attach = createAttachHandler({
    ...{ clock, log, limits: defaultLimits },
    maxAttachments: maxSessions * 2,
    attach: (request) => registry.attach(request),
    onChange: () => {
      gate.changed();
      callerWatches.sessions.changed();
    },
  });
  const giver = new Giver({
    ...{ instances: storage.instances, ownership: storage.ownership, clock, log },
    connect: (number) => connectPeer(storage.instances.socketOf(number)),
    onChange: () => gate.changed(),
    onMoved: (driver) => gate.movedAway(driver),
    wayBeside: (agentInstance) => agents.besideLeaving(agentInstance),
  });
  const gate: Gate = new Gate({
    ...{ clock, log, panel: definition.name },
    rules: { ...defaultDrainRules, ...options.rules, checkpointable: definition.checkpointable },
    facts: { instance, node, version: definition.version, target, podUid },
    retirement: await openRetirement(storage, { podUid, log }),
    ...{ registry, giver },
    hasNewer: () => storage.instances.hasNewer,
    attachments: () => attach.attachments.size,
    onAdmission: (admits) => health.set('panelet.session.v1.SessionService', admits),
  });
  health.set('panelet.session.v1.SessionService', gate.admitsNew);
  callerWatches.follow(gate);
  const watches = new WorkerWatches({ gate, clock });
  const agents = new NodeAgents({ watches, gate });
  return {
    ...{ health, registry, attach, gate, giver, watches, callerWatches },
    ...{ agents, expected, instance, target },
  };
}

function createService(
  deps: WorkerDeps,
  { registry, attach, gate, watches, agents, instance, target }: Core,
): WorkerService {
  const { definition, clock, log, options } = deps;
  return createWorkerService({
    description: {
      panel: definition.name,
      version: definition.version,
      pid: options.pid,
      instance,
      target,
      checkpointable: definition.checkpointable,
      metadataKeys: [],
    },
    gate,
    watches,
    agents,
    registry,
    attach,
    clock,
    log,
    onShutdown: () => gate.command({ kind: 'terminate', graceMs: shutdownGraceMs, restartUid: 'shutdown' }),
  });
}

interface Watched {
  readonly registry: SessionRegistry;
  readonly gate: Gate;
  /** True while an agent is there: without one, no client can come back. */
  readonly isWatched: () => boolean;
  readonly signal: AbortSignal;
}

/** Starts what ends sessions that nobody uses any more. */
function startWatchers(deps: WorkerDeps, { registry, gate, isWatched, signal }: Watched): void {
  const { clock, log, options } = deps;
  startDetachSweeper({
    registry,
    clock,
    log,
    ttlMs: options.detachTtlMs,
    counts: () => isWatched() && gate.servesAll,
    signal,
  });
  watchInstances(deps, registry, signal);
  startLifeLimits({
    registry,
    clock,
    log,
    signal,
    limits: options.lifeLimits ?? { idleMs: undefined, maxAgeMs: undefined },
    counts: () => gate.servesAll,
    drainFor: () => gate.drainFor(),
  });
}

/** How often this worker looks what other instances have taken of the sessions that nobody had, in milliseconds. */
const refreshMs = 5_000;

/** Takes up what instances leave that die, and gives up what others take. */
function watchInstances({ storage, clock, log }: WorkerDeps, registry: SessionRegistry, signal: AbortSignal): void {
  const attempt = (work: () => Promise<void>): void => {
    work().catch((err: unknown) => log.error({ err }, 'It is not known what other workers have left'));
  };
  const off = storage.instances.onDeath(() => {
    attempt(async () => {
      await registry.discover();
      await storage.sweep();
    });
  });
  signal.addEventListener('abort', off, { once: true });
  const sweeping = { clock, limitMs: Infinity, longestStepMs: refreshMs, counts: () => true, signal };
  startSweeping(sweeping, () =>
    attempt(async () => {
      await storage.lookWhoRetires();
      await registry.refresh();
    }),
  );
}

function createWorkerServer(deps: WorkerDeps, core: Core, workerService: WorkerService): Server {
  const { definition, clock, log, options } = deps;
  const { registry, attach, gate, target, health } = core;
  const { checkpointable } = definition;
  const server = new Server({ 'grpc.max_receive_message_length': maxReceiveBytes, interceptors: [explainRefusals] });
  const add = (service: ServiceDefinition, implementation: UntypedServiceImplementation): void =>
    server.addService(service, implementation);
  add(
    sessionServiceDefinition,
    createSessionService({
      ...{ definition, node: options.node, registry, gate, attach, clock, log },
      watches: core.callerWatches.sessions,
    }),
  );
  add(GateServiceService, createGateService({ gate, target, checkpointable, watches: core.callerWatches.gate, log }));
  add(WorkerServiceService, workerService.implementation);
  add(healthDefinition, health.handlers);
  return server;
}

/** Grace of the drain that Shutdown starts: what is not safe then was allowed to be lost. */
const shutdownGraceMs = 2_000;

function bind(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new PaneletError('CONFIG_INVALID', `Cannot serve on ${socket}: ${error.message}`, { cause: error }));
    });
  });
}

function stopServer(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const limit = clock.after(stopLimitMs, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      limit.stop();
      resolve();
    });
  });
}

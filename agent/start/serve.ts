import { State, Target } from '#proto/gate/v1/gate.js';
import type { AttachmentReviews } from '../access/attachment-reviews.js';
import type { PanelConfig } from '../config/config.js';
import type { Front } from '../front/front.js';
import { createNodeGate, type NodeGate } from '../gate/node-gate.js';
import { watchLiftedCordons } from '../gate/lifted-cordons.js';
import { removeStaleSockets } from '../life/directories.js';
import { createRetirements } from '../life/retirements.js';
import { createWorkerReload, type WorkerReload } from '../life/reload-workers.js';
import { shutDownWorkers } from '../life/shutdown.js';
import { startPodSweep } from '../life/sweep-pods.js';
import { readWaiting } from '../life/waiting-agents.js';
import { createAgentService, type AgentServiceDeps } from '../services/agent-service.js';
import { createCallerReader } from '../services/caller.js';
import { createGateService } from '../services/gate-service.js';
import { openServices, type Services } from '../services/services.js';
import { createSessionService } from '../services/session-service.js';
import { newestWorkers } from '../workers/node-worker.js';
import type { Registry } from '../workers/registry.js';
import { SessionViews } from '../watches/session-views.js';
import { WaitingLook } from '../watches/waiting-look.js';
import { WatchSeats } from '../watches/watch-seats.js';
import { defaultStartTimes } from '../workers/start-times.js';
import type { AgentBase } from './open-base.js';
import { openFronts, type Fronts } from './open-fronts.js';
import { openRegistry, type RegistryParts } from './open-registry.js';
import { serveMetrics } from './serve-metrics.js';

type ReloadCall = AgentServiceDeps['reload'];

/** What serves. */
export interface Serving {
  readonly instance: string;
  readonly front: Front;
  /** For controllers only. */
  readonly gateFront: Front | undefined;
  readonly registry: Registry;
  readonly gate: NodeGate;
  readonly stale: Set<string>;
  readonly attachmentReviews: AttachmentReviews;
  readonly shutDown: (hurry: AbortSignal) => Promise<boolean>;
  readonly closeServices: () => Promise<void>;
  readonly workerReload: WorkerReload;
  /** Panels as the configuration was read last, by name; replaced. */
  readonly configured: Map<string, PanelConfig>;
  /** Says what a call of Reload does; none is let in before. */
  readonly onReload: (reload: ReloadCall) => void;
  readonly showHealth: () => void;
  readonly stopHealth: () => void;
}

/** Opens what serves, in the order in which one needs the other; nobody is let in yet. */
export async function serve(base: AgentBase): Promise<Serving> {
  const { deps, config } = base;
  const { clock, log } = deps;
  const parts = await openRegistry(base);
  const { instance, registry, cordons } = parts;
  const fronts = await openFronts(base, parts);
  const { front, gateFront, attachmentReviews, health } = fronts;
  const stale = new Set<string>();
  const gate = createGate(base, parts, stale);
  base.cleanup.add(() => gate.close());
  base.cleanup.add(watchLiftedCordons({ nodeWorkers: registry, cordons, log }));
  const sweeping = new AbortController();
  base.cleanup.add(() => sweeping.abort());
  startPodSweep({ ...base, clock, log, runDir: config.runDir }, sweeping.signal);
  const retirements = createRetirements({ registry, cordons, clock, log, instance });
  base.cleanup.add(() => retirements.close());
  const configured = new Map(config.panels.map((panel) => [panel.name, panel]));
  const workerReload = createWorkerReload({
    ...{ registry, cordons, clock, log, retirements, startTimes: deps.startTimes ?? defaultStartTimes },
    configured: (panel) => configured.get(panel),
  });
  let reload: ReloadCall = () => Promise.resolve();
  const watches = new WatchSeats({ clock, limits: config.limits, reviews: attachmentReviews });
  const own = { gate, registry, fronts, watches, reload: (...call: Parameters<ReloadCall>) => reload(...call) };
  const services = await openOwnServices(base, own);
  await serveMetrics(base, { front, gateFront, registry, gate });
  const graceMs = config.gracePeriodSeconds * 1000;
  return {
    ...{ instance, front, gateFront, registry, gate, stale, attachmentReviews },
    ...{ workerReload, configured, onReload: (next) => (reload = next) },
    shutDown: (hurry) => {
      retirements.close();
      watches.close();
      return shutDownWorkers({ registry, clock, log, instance, cordons, graceMs, hurry });
    },
    closeServices: () => services.close(),
    showHealth: () => health.show(gate.statusOf(Target.AGENT).state === State.SERVING),
    stopHealth: () => health.stop(),
  };
}

function createGate({ deps, config }: AgentBase, parts: RegistryParts, stale: ReadonlySet<string>): NodeGate {
  const { instance, registry, cordons, podCordons, fencing } = parts;
  return createNodeGate({
    clock: deps.clock,
    log: deps.log,
    names: { instance, node: config.node, podUid: deps.pod.uid, version: deps.version },
    nodeWorkers: registry,
    cordons,
    podCordons,
    fencing,
    restartRequired: () =>
      stale.size > 0 ||
      newestWorkers(registry.workers()).some((worker) => worker.supervisor?.status().restartRequired === true),
  });
}

interface OwnParts {
  readonly gate: NodeGate;
  readonly registry: Registry;
  readonly fronts: Fronts;
  readonly watches: WatchSeats;
  readonly reload: ReloadCall;
}

async function openOwnServices(
  base: AgentBase,
  { gate, registry, fronts, watches, reload }: OwnParts,
): Promise<Services> {
  const { deps, config, cleanup, access } = base;
  const { clock, log } = deps;
  const { node } = config;
  const { permissions } = access;
  const caller = createCallerReader(fronts.calls);
  const views = new SessionViews({ registry, clock });
  const waiting = new WaitingLook({ clock, read: () => readWaiting(config.runDir) });
  await removeStaleSockets(config.runDir, { agents: base.agents, clock: base.deps.clock });
  const services = await openServices({
    socketPath: fronts.socketPath,
    session: createSessionService({ registry, node, clock, caller, permissions, watches, views, log }),
    gate: createGateService({ gate, node, caller, permissions, log, waiting, watches, changes: registry.changes }),
    agent: createAgentService({ node, caller, permissions, log, reload }),
  });
  cleanup.add(() => services.close());
  return services;
}

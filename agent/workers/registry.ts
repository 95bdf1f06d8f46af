import { watch, type FSWatcher } from 'node:fs';
import { dirname, join } from 'node:path';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import type { GateStatus, Target } from '#proto/gate/v1/gate.js';
import { createChanges, type Changes } from '#common/changes.js';
import type { PanelConfig } from '../config/config.js';
import type { AttachTarget } from '../front/calls/attach-relay.js';
import { createUpstream } from '../front/upstream/upstream.js';
import type { Launcher } from './launcher.js';
import type { ProcessTable } from './process-table.js';
import { createSupervisor, type Supervisor } from './supervisor.js';
import { socketDirectories, socketPlaces, type SocketPlaces } from './socket-places.js';
import { attachTarget, type NodeWorker } from './node-worker.js';
import { targetOf, workerArgv, type WorkerCommandOptions } from './worker-command.js';
import type { WorkerClients } from './worker-clients.js';
import { createWorkerConnection, type WorkerConnection } from './worker-connection.js';
import { createWorkerSocket } from './worker-socket.js';

/** What the gate has to say about workers that come and go. */
export interface WorkerAdmission {
  /** True while a worker of the target may be started. */
  mayStart(target: Target): boolean;
  /** Applies what is in force to a worker that has just answered; resolves with its status then. */
  prepare(target: Target, clients: WorkerClients, status: GateStatus): Promise<GateStatus>;
}

/** What the registry needs. */
export interface RegistryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly agentInstance: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly command: WorkerCommandOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly table: ProcessTable;
  readonly launch: Launcher;
  readonly admission: WorkerAdmission;
}

/** The panels of this node and their workers. */
export interface Registry {
  readonly changes: Changes;
  workers(): readonly NodeWorker[];
  /** Starts a panel. */
  add(panel: PanelConfig): NodeWorker;
  /** Forgets a panel whose worker is gone or left alone. */
  remove(worker: NodeWorker): void;
  /** As {@link AttachTargets.requireKnown}. */
  requireKnown(panel: string): void;
  /** As {@link AttachTargets.ready}. */
  ready(panel: string, signal: AbortSignal): Promise<AttachTarget>;
  /** From now on no attachment is let through; those that come wait. */
  holdAttaches(): void;
  /** Arguments that the panel's worker would be started with now. */
  argv(panel: PanelConfig): readonly string[];
  /** Leaves every worker alone and closes every connection to them. */
  close(): void;
}

const startMs = 15_000;
const answerMs = 5_000;
const termMs = 5_000;

/** A registry without panels. */
export function createRegistry(deps: RegistryDeps): Registry {
  const changes = createChanges();
  const workers = new Map<string, NodeWorker>();
  const placesOf = (panel: PanelConfig): SocketPlaces => socketPlaces(deps.runDir, panel);
  const argv = (panel: PanelConfig): readonly string[] => workerArgv(panel, placesOf(panel)[0], deps.command);
  const known = (panel: string): NodeWorker => {
    const worker = workers.get(panel);
    if (worker !== undefined && !worker.leaving) return worker;
    throw new PaneletError('PANEL_UNKNOWN', `This node does not offer the panel "${panel}".`);
  };
  let holding = false;
  let closed = false;
  const watchers = new Map<string, FSWatcher>();
  const watchDirectory = (directory: string): void => {
    if (watchers.has(directory)) return;
    const kick = (path: string): void => {
      for (const { panel, link } of workers.values()) if (placesOf(panel).includes(path)) link.kick();
    };
    watchers.set(directory, watchSockets(directory, kick));
  };
  return {
    changes,
    workers: () => [...workers.values()],
    argv,
    add: (panel) => {
      for (const directory of socketDirectories(deps.runDir, panel)) watchDirectory(directory);
      const worker = createNodeWorker(deps, { panel, changes, places: placesOf(panel), argv: argv(panel) });
      workers.set(panel.name, worker);
      return worker;
    },
    remove: (worker) => {
      closeNodeWorker(worker);
      workers.delete(worker.panel.name);
      changes.notify();
    },
    requireKnown: (panel) => {
      // An agent that closes has forgotten its panels; those who come then are told so later.
      if (!closed) known(panel);
    },
    ready: (panel, signal) =>
      changes.until(() => {
        if (closed) throw new PaneletError('WORKER_UNAVAILABLE', 'The agent restarts. Attach again.');
        const worker = known(panel);
        return holding ? undefined : attachTarget(worker, deps.clock);
      }, signal),
    holdAttaches: () => {
      holding = true;
    },
    close: () => {
      closed = true;
      for (const watcher of watchers.values()) watcher.close();
      changes.notify();
      for (const worker of workers.values()) closeNodeWorker(worker);
      workers.clear();
    },
  };
}

function closeNodeWorker(worker: NodeWorker): void {
  worker.supervisor?.release();
  worker.link.close();
  worker.upstream.close();
}

// A socket that appears is tried at once, instead of after the backoff.
function watchSockets(directory: string, kick: (path: string) => void): FSWatcher {
  const watcher = watch(directory, { persistent: false }, (_event, file) => {
    if (file !== null) kick(join(directory, file));
  });
  watcher.on('error', () => watcher.close());
  return watcher;
}

interface NodeWorkerOptions {
  readonly panel: PanelConfig;
  readonly changes: Changes;
  readonly places: SocketPlaces;
  readonly argv: readonly string[];
}

function createNodeWorker(deps: RegistryDeps, options: NodeWorkerOptions): NodeWorker {
  const { panel, changes, places } = options;
  const target = targetOf(panel);
  const socket = createWorkerSocket(places);
  const log = deps.log.child({ panel: panel.name });
  const upstream = createUpstream({
    get socketPath() {
      return socket.path;
    },
    clock: deps.clock,
  });
  const link = createWorkerConnection({
    ...deps,
    panel: panel.name,
    socket,
    log,
    backoff: createBackoff(deps.random, { initialMs: 20, maxMs: 1_000 }),
    prepare: (clients, status) => deps.admission.prepare(target, clients, status),
    onChange: () => changes.notify(),
    // Clients whose worker hangs are told, and come again when it does; nothing is lost by that.
    onSilent: () => upstream.cut(),
  });
  const supervisor = panel.run === 'spawn' ? superviseWorker(deps, { ...options, link, log }) : undefined;
  return { panel, link, upstream, supervisor, leaving: false, successor: undefined };
}

interface SuperviseOptions extends NodeWorkerOptions {
  readonly link: WorkerConnection;
  readonly log: Log;
}

function superviseWorker(deps: RegistryDeps, options: SuperviseOptions): Supervisor {
  const { panel, link, log, changes, argv } = options;
  const [socketPath] = options.places;
  const target = targetOf(panel);
  return createSupervisor({
    ...{ clock: deps.clock, random: deps.random, table: deps.table, launch: deps.launch, env: deps.env },
    ...{ link, log, changes, socketPath, argv, startMs, answerMs, termMs },
    panel: panel.name,
    recordFile: join(dirname(socketPath), `${panel.name}.json`),
    logFile: join(deps.stateDir, 'logs', `${panel.name}.log`),
    mayStart: () => deps.admission.mayStart(target),
  });
}

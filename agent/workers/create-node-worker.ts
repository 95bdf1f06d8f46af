import { dirname, join } from 'node:path';
import type { Changes } from '#common/changes.js';
import type { Log } from '#common/log.js';
import type { Random } from '#common/random.js';
import { createBackoff } from '#common/time/backoff.js';
import type { Clock } from '#common/time/clock.js';
import type { GateStatus, Target } from '#proto/gate/v1/gate.js';
import type { WatchRequest } from '#proto/worker/v1/worker.js';
import type { PanelConfig } from '../config/config.js';
import { createUpstream } from '../front/upstream/upstream.js';
import type { HostPlace } from './host-pods.js';
import type { Launcher } from './launcher.js';
import type { NodeWorker, WorkerStage } from './node-worker.js';
import type { ProcessTable } from './process-table.js';
import { isOfPod, numberedName, placesNow, sharesState, socketPlaces, type RunPlace } from './socket-places.js';
import type { StartTimes } from './start-times.js';
import { createSupervisor, type Supervisor } from './supervisor.js';
import type { WorkerClients } from './worker-clients.js';
import { targetOf, workerArgv, type WorkerCommandOptions } from './worker-command.js';
import { createWorkerConnection, type WorkerConnection } from './worker-connection.js';
import { createWorkerSocket } from './worker-socket.js';

/** What the gate has to say about workers that come and go. */
export interface WorkerAdmission {
  /** True while a worker of the target may be started. */
  mayStart(target: Target): boolean;
  /** Applies what is in force to a worker that has just answered; resolves with its status then. */
  prepare(worker: AdmittedWorker, clients: WorkerClients, status: GateStatus): Promise<GateStatus>;
}

/** Whose worker is admitted. */
export interface AdmittedWorker {
  readonly target: Target;
  /** As {@link NodeWorker.podUid}. */
  readonly podUid: string;
}

/** What holding workers needs. */
export interface NodeWorkerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How the agent names itself to workers. */
  readonly self: WatchRequest;
  readonly place: RunPlace;
  readonly stateDir: string;
  readonly command: WorkerCommandOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly table: ProcessTable;
  readonly launch: Launcher;
  readonly startTimes: StartTimes;
  readonly admission: WorkerAdmission;
  /** Whether this agent is the one that keeps a panel's workers running: those of hosts are shared by the agents of a node. */
  readonly isInCharge: (panel: PanelConfig) => boolean;
}

/** A worker to hold. */
export interface NodeWorkerOptions {
  readonly panel: PanelConfig;
  readonly number: number;
  readonly stage: WorkerStage;
  readonly changes: Changes;
  /** A host of this pod, and of none where it is not set. */
  readonly pod?: HostPlace;
  /** Something about it has changed; tells `changes`. */
  readonly onChange: () => void;
  /** Its process has ended, and none is started in its place. */
  readonly onGone: (worker: NodeWorker) => void;
}

const answerMs = 5_000;
const termMs = 5_000;

/**
 * Arguments that a panel's worker of a number is started with. All but the first are started beside others, and so are those that belong to a pod: the
 * workers of another pod may still be there. A program of one's own is not told, as it need not know how to share what it keeps.
 */
export function numberedArgv(
  panel: PanelConfig,
  {
    number,
    place,
    command,
  }: { readonly number: number; readonly place: RunPlace; readonly command: WorkerCommandOptions },
): readonly string[] {
  const [socketPath] = socketPlaces(place, panel, number);
  const isBeside = number > 1 || (isOfPod(place, panel) && sharesState(panel));
  return [...workerArgv(panel, socketPath, command), ...(isBeside ? ['--beside'] : [])];
}

/** Begins to hold a worker: looks for it at its socket, and supervises it where the agent starts it. */
export function createNodeWorker(deps: NodeWorkerDeps, options: NodeWorkerOptions): NodeWorker {
  const { panel, number, pod } = options;
  const podUid = pod?.uid ?? podOf(deps.place, panel);
  const target = targetOf(panel);
  const socket = createWorkerSocket(() =>
    pod === undefined ? placesNow(deps.place, panel, number) : [pod.socketPath],
  );
  const log = deps.log.child(nameForLog(options));
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
    prepare: (clients, status) => deps.admission.prepare({ target, podUid }, clients, status),
    onChange: options.onChange,
    // Clients whose worker hangs are told, and come again when it does; nothing is lost by that.
    onSilent: () => upstream.cut(),
  });
  let supervisor: Supervisor | undefined;
  const worker: NodeWorker = {
    ...{ panel, number, podUid, link, upstream, stage: options.stage, leaving: false, successor: undefined },
    get supervisor() {
      return supervisor;
    },
    supervise: (isOurs) => {
      if (panel.run !== 'spawn' || isOurs === (supervisor !== undefined)) return;
      supervisor?.release();
      supervisor = isOurs ? superviseWorker(deps, { ...options, worker, log }) : undefined;
    },
  };
  worker.supervise(deps.isInCharge(panel));
  return worker;
}

function nameForLog({ panel, number, pod }: NodeWorkerOptions): Record<string, unknown> {
  if (pod !== undefined) return { panel: panel.name, hostPod: pod.uid };
  return number === 1 ? { panel: panel.name } : { panel: panel.name, number };
}

/** The pod of a worker that lives and dies with the agent's. Who has started a host that the agents of a node share is not known. */
function podOf({ podUid }: RunPlace, { target }: PanelConfig): string {
  return target === 'agent' ? podUid : '';
}

/** Ends what the agent holds of a worker, and leaves its process alone. */
export function closeNodeWorker(worker: NodeWorker): void {
  worker.supervisor?.release();
  worker.link.close();
  worker.upstream.close();
}

interface SuperviseOptions extends NodeWorkerOptions {
  readonly worker: NodeWorker;
  readonly log: Log;
}

function superviseWorker(deps: NodeWorkerDeps, options: SuperviseOptions): Supervisor {
  const { panel, number, worker, log, changes } = options;
  const [socketPath] = socketPlaces(deps.place, panel, number);
  const target = targetOf(panel);
  const link: WorkerConnection = worker.link;
  return createSupervisor({
    ...{ clock: deps.clock, random: deps.random, table: deps.table, launch: deps.launch, env: deps.env },
    ...{ link, log, changes, socketPath, startMs: deps.startTimes.answerMs, answerMs, termMs },
    argv: numberedArgv(panel, { number, ...deps }),
    panel: panel.name,
    recordFile: join(dirname(socketPath), `${numberedName(panel.name, number)}.json`),
    logFile: join(deps.stateDir, 'logs', `${panel.name}.log`),
    mayStart: () => deps.admission.mayStart(target),
    isWanted: (hasRun) => isWanted(worker.stage, hasRun),
    onGone: () => options.onGone(worker),
  });
}

// One that comes has one try: what it is to replace goes on.
function isWanted(stage: WorkerStage, hasRun: boolean): boolean | undefined {
  if (stage === 'undecided') return undefined;
  return stage === 'newest' || (stage === 'coming' && !hasRun);
}

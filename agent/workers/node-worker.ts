import type { ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { errorCodeOf } from '#common/grpc/grpc-status.js';
import type { WorkerStatus } from '#proto/gate/v1/gate.js';
import { State, type GateStatus } from '#proto/gate/v1/gate.js';
import type { RevokeRequest, RevokeResponse } from '#proto/worker/v1/worker.js';
import type { PanelConfig } from '../config/config.js';
import type { AttachTarget } from '../front/calls/attach-relay.js';
import { metadataKeysOf } from '../front/stream/metadata-keys.js';
import type { Upstream } from '../front/upstream/upstream.js';
import type { Supervisor } from './supervisor.js';
import { targetOf } from './worker-command.js';
import type { WorkerClients } from './worker-clients.js';
import type { WorkerConnection } from './worker-connection.js';
import { callWorker } from './call-worker.js';

/**
 * What a worker is among those of its panel. `undecided`: found from before, and it is not known yet which of them is the newest; `coming`:
 * started beside the newest, and not known yet to serve; `newest`: gets all that is new; `retiring`: keeps its sessions until they have
 * moved or ended; `beside`: a host of another pod, which gets nothing new while the newest takes it; `gone`: certainly ended.
 */
export type WorkerStage = 'undecided' | 'coming' | 'newest' | 'beside' | 'retiring' | 'gone';

const stagesOfNoNewest: ReadonlySet<WorkerStage> = new Set(['coming', 'beside', 'retiring', 'gone']);

/** A worker of a panel of this node with everything the agent holds for it. A panel may have several, of which one is the newest. */
export interface NodeWorker {
  readonly panel: PanelConfig;
  /** Tells it from the others of its panel; one that was started later has a higher number. */
  readonly number: number;
  /** Uid of the pod that it belongs to; empty without Kubernetes, and where that is not known. */
  readonly podUid: string;
  stage: WorkerStage;
  readonly link: WorkerConnection;
  readonly upstream: Upstream;
  /** Set for panels whose worker this agent starts, while it is the one of the node's agents that keeps it running. */
  readonly supervisor: Supervisor | undefined;
  /** Takes up, or leaves to another agent, keeping the worker running. */
  supervise(isOurs: boolean): void;
  /** True once the panel was removed from the configuration. */
  leaving: boolean;
  /** Set while it leaves, when a reload has brought its panel back: started once this one has gone. */
  successor: PanelConfig | undefined;
}

/** A worker that clients are let through to, this agent's own or another's. */
export type ReachableWorker = Pick<NodeWorker, 'link' | 'upstream'>;

/** Whether a worker takes new sessions. */
export function takesNew({ link }: Pick<NodeWorker, 'link'>): boolean {
  const now = link.state();
  return now.kind === 'up' && now.status.state === State.SERVING;
}

/** What the gate needs to know about a worker's worker. */
export type WorkerView =
  | { readonly kind: 'up'; readonly status: GateStatus; readonly clients: WorkerClients }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly message: string };

/**
 * Absent is certain: nobody is at the socket, and no process of it lives. Everything else that is not up is unknown,
 * and never to be read as drained.
 */
export function viewWorker(worker: NodeWorker): WorkerView {
  if (worker.stage === 'gone') return { kind: 'absent' };
  const link = worker.link.state();
  if (link.kind === 'up') return { kind: 'up', status: link.status, clients: link.clients };
  const alive = worker.supervisor?.status().process !== undefined;
  if (link.kind === 'absent' && !alive) return { kind: 'absent' };
  return { kind: 'unknown', message: link.kind === 'absent' ? 'The worker is starting.' : link.message };
}

/** Of each panel the worker that speaks for it: the newest, or, while that is not known yet, the one that came last. */
export function newestWorkers(workers: readonly NodeWorker[]): readonly NodeWorker[] {
  const candidates = workers.filter(({ stage }) => !stagesOfNoNewest.has(stage));
  const isSurpassed = (worker: NodeWorker): boolean =>
    candidates.some((other) => other.panel.name === worker.panel.name && other.number > worker.number);
  return candidates.filter((worker) => !isSurpassed(worker));
}

/** True of the status of a worker that nobody has cordoned, though its pod may retire. */
export function isUncordoned({
  state,
  retiring,
  restartUid,
}: Pick<GateStatus, 'state' | 'retiring' | 'restartUid'>): boolean {
  return state === State.SERVING || (retiring && restartUid === '');
}

/** How the restart uid of a drain begins that an agent does because there is a newer worker of the panel. */
export const retirementPrefix = 'retire-';

/** True of the status of a worker that is being drained because there is a newer one of its panel. */
export function isRetirement({ state, restartUid }: GateStatus): boolean {
  return state !== State.SERVING && restartUid.startsWith(retirementPrefix);
}

/** What is wrong with a worker, in words; empty when nothing is. */
export function workerMessage(worker: NodeWorker): string {
  const view = viewWorker(worker);
  if (view.kind === 'up') return '';
  const supervised = worker.supervisor?.status().message ?? '';
  if (supervised !== '') return supervised;
  return view.kind === 'absent' ? 'The worker is not running.' : view.message;
}

// As long as a worker may take to end an attachment.
const revokeMs = 5_000;

/** The way to the worker while it takes attachments. One that is released waits to be killed: better wait for the next. */
export function attachTarget({ link, upstream }: ReachableWorker, clock: Clock): AttachTarget | undefined {
  const now = link.state();
  if (now.kind !== 'up' || now.status.state === State.RELEASED || now.status.state === State.CLOSED) return undefined;
  return {
    upstream,
    passedKeys: metadataKeysOf(now.about),
    revoke: (attachment, message) => revokeAt(link, { attachment, message }, clock),
  };
}

// Over the connection of that moment: the one of the attachment's beginning may have been lost hours ago.
async function revokeAt(link: WorkerConnection, request: RevokeRequest, clock: Clock): Promise<boolean> {
  const now = link.state();
  if (now.kind !== 'up') throw new PaneletError('WORKER_UNAVAILABLE', 'The worker does not answer.');
  const { worker } = now.clients;
  try {
    await callWorker<RevokeResponse>((...rest) => worker.revoke(request, ...rest), { clock, timeoutMs: revokeMs });
    return true;
  } catch (error) {
    if (errorCodeOf(error as ServiceError, 'worker') === 'SESSION_UNKNOWN') return false;
    throw error;
  }
}

/** A worker's line in the agent's gate status. */
export function workerStatus(worker: NodeWorker): WorkerStatus {
  const link = worker.link.state();
  const up = link.kind === 'up';
  return {
    panel: worker.panel.name,
    state: up ? link.status.state : State.UNSPECIFIED,
    sessions: up ? link.status.sessions : 0,
    pid: up ? link.about.pid : (worker.supervisor?.status().process?.pid ?? 0),
    target: targetOf(worker.panel),
    message: workerMessage(worker),
    retiring: worker.stage === 'retiring' || (up && link.status.retiring),
    instance: up ? link.about.instance : '',
    podUid: worker.podUid,
    ...(up && link.status.retireAt !== undefined ? { retireAt: link.status.retireAt } : {}),
  };
}

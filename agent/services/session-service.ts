import {
  status,
  type Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { errorCodeOf } from '#common/grpc/grpc-status.js';
import { SessionNews, sessionNewsMs } from '#common/grpc/session-news.js';
import type { Log } from '#common/log.js';
import { State } from '#proto/gate/v1/gate.js';
import type {
  EndSessionResponse,
  ListPanelsResponse,
  ListSessionsResponse,
  Panel,
  Session,
  SessionServiceServer,
  WatchSessionsRequest,
  WatchSessionsResponse,
} from '#proto/session/v1/session.js';
import type { AuditContext } from '../access/audit.js';
import type { Question } from '../access/authorizer.js';
import type { Permissions } from '../access/permissions.js';
import { workerIdentity } from '../front/calls/headers.js';
import { eachOnce } from '../watches/each-once.js';
import { identityMetadata, type SessionViews } from '../watches/session-views.js';
import type { WatchSeat, WatchSeats } from '../watches/watch-seats.js';
import { seatWatch } from './seat-watch.js';
import type { VerifiedCall } from '../front/calls/verified-calls.js';
import { sumSessions } from '../gate/aggregate.js';
import { workersOfNode } from '../gate/workers-of-node.js';
import type { AnsweringWorker } from '../workers/foreign-workers.js';
import { callWorker } from '../workers/call-worker.js';
import type { Registry } from '../workers/registry.js';
import { newestWorkers, viewWorker, workerMessage, type NodeWorker } from '../workers/node-worker.js';
import type { CallerReader } from './caller.js';
import { answerOf } from './errors.js';

/** What the service needs. */
export interface SessionServiceDeps {
  readonly registry: Registry;
  readonly node: string;
  readonly clock: Clock;
  readonly caller: CallerReader;
  readonly permissions: Permissions;
  readonly watches: WatchSeats;
  /** What they see. */
  readonly views: SessionViews;
  readonly log: Log;
}

interface Act {
  readonly method: string;
  readonly question: Omit<Question, 'name'>;
}

const acts = {
  listPanels: { method: 'ListPanels', question: { verb: 'list', resource: 'panels' } },
  listSessions: { method: 'ListSessions', question: { verb: 'list', resource: 'sessions' } },
  endSession: { method: 'EndSession', question: { verb: 'delete', resource: 'sessions' } },
  watchSessions: { method: 'WatchSessions', question: { verb: 'list', resource: 'sessions' } },
} as const satisfies Record<string, Act>;
const administerSessions = { verb: 'administer', resource: 'sessions', name: '' } as const satisfies Question;
const callTimeoutMs = 5_000;
/** What a worker says, or what is said of one, that cannot say now whether it has a session. */
const awayCodes: ReadonlySet<ErrorCode> = new Set(['WORKER_UNAVAILABLE', 'TRANSPORT_LOST', 'TIMEOUT']);

/** Everything of the session service but Attach, as the sum over the node's workers. */
export function createSessionService(deps: SessionServiceDeps): SessionServiceServer {
  const { registry, caller, log } = deps;
  const answer =
    <Q, S>(act: Act, run: (request: Q, who: () => Promise<Metadata>) => S | Promise<S>) =>
    (call: ServerUnaryCall<Q, S>, callback: sendUnaryData<S>): void => {
      const handle = async (): Promise<S> => {
        const verified = caller(call.metadata);
        const { remoteAddress } = verified;
        const context = { method: act.method, remoteAddress, sessionId: sessionIn(call.request) };
        await deps.permissions.require(verified.caller, { ...act.question, name: '' }, context);
        return run(call.request, () => metadataFor(deps, verified, context));
      };
      handle().then(
        (response) => callback(null, response),
        (error: unknown) => callback(answerOf(error, log)),
      );
    };
  return {
    attach: (call) => {
      const error = new PaneletError('OPERATION_REFUSED', 'Attach is relayed to a worker, never served here.');
      call.emit('error', answerOf(error, log));
    },
    listPanels: answer(acts.listPanels, (): ListPanelsResponse => {
      const workers = registry.workers();
      const panels = newestWorkers(workers).map((newest) => describePanel(newest, workers));
      return { panels: panels.sort((a, b) => (a.name < b.name ? -1 : 1)), node: deps.node };
    }),
    listSessions: answer(acts.listSessions, async ({ panel }, who): Promise<ListSessionsResponse> => {
      const isWanted = (name: string): boolean => panel === '' || name === panel;
      requirePanel(deps, panel);
      const metadata = await who();
      const asked = workersOfNode(registry).filter((worker) => isWanted(worker.panel));
      const lists = await Promise.all(asked.map((worker) => listOf(deps, worker, { panel, metadata })));
      return { sessions: eachOnce(lists.flat()) };
    }),
    watchSessions: (call) => watchSessions(deps, call),
    endSession: answer(acts.endSession, async ({ sessionId }, who): Promise<EndSessionResponse> => {
      const metadata = await who();
      // One that another worker of the panel has taken meanwhile is ended there.
      let busy: AnsweringWorker | undefined;
      for (const worker of workersOfNode(registry)) {
        try {
          if (await endAt(deps, worker, { sessionId, metadata })) return {};
        } catch (error) {
          if (!awayCodes.has(errorCodeOf(error as ServiceError, 'worker'))) throw error;
          busy ??= worker;
        }
      }
      // One whose connection was lost has said no reason: without one, the client would take this agent for unreachable.
      if (busy !== undefined) throw new PaneletError('WORKER_UNAVAILABLE', awayMessage(busy));
      throw new PaneletError('SESSION_UNKNOWN', 'There is no such session, or it is somebody else’s.');
    }),
  };
}

function awayMessage({ panel }: AnsweringWorker): string {
  return `A worker of the panel "${panel}" cannot say now whether it has the session: it goes, or does not answer. Try again.`;
}

function watchSessions(
  deps: SessionServiceDeps,
  call: ServerWritableStream<WatchSessionsRequest, WatchSessionsResponse>,
): void {
  const { panel } = call.request;
  const { method, question } = acts.watchSessions;
  const handle = async (seat: WatchSeat<WatchSessionsResponse>, { caller, remoteAddress }: VerifiedCall) => {
    const context = { method, remoteAddress };
    const lists: Question = { ...question, name: '' };
    await deps.permissions.require(caller, lists, context);
    requirePanel(deps, panel);
    const isAdministrator = await deps.permissions.has(caller, administerSessions, context);
    const { view, leave } = deps.views.open(workerIdentity(caller, isAdministrator));
    seat.signal.addEventListener('abort', leave, { once: true });
    if (seat.signal.aborted) leave();
    await view.settled(panel, seat.signal);
    const news = new SessionNews();
    seat.begin({
      questions: isAdministrator ? [lists, administerSessions] : [lists],
      restMs: sessionNewsMs,
      look: () => news.next(view.list(panel), deps.clock.nowMs()),
      subscribe: (callback) => view.changes.subscribe(callback),
    });
  };
  seatWatch(deps, { call, method }, handle);
}

function sessionIn(request: unknown): string | undefined {
  const { sessionId } = request as { readonly sessionId?: string };
  return sessionId;
}

function describePanel(worker: NodeWorker, all: readonly NodeWorker[]): Panel {
  const link = worker.link.state();
  const up = link.kind === 'up' ? link : undefined;
  const cordoned = up !== undefined && up.status.state !== State.SERVING;
  return {
    name: worker.panel.name,
    serving: up !== undefined && !cordoned,
    sessions: sumSessions(all.filter(({ panel }) => panel.name === worker.panel.name).map(viewWorker)),
    checkpointable: up?.about.checkpointable ?? false,
    message: cordoned ? 'A restart is under way: no new sessions.' : workerMessage(worker),
    version: up?.about.version ?? '',
  };
}

interface Asked {
  readonly panel: string;
  readonly metadata: Metadata;
}

// A worker that fails is left out: its panel's message says so.
async function listOf(deps: SessionServiceDeps, { clients, panel }: AnsweringWorker, asked: Asked): Promise<Session[]> {
  const bounds = { clock: deps.clock, timeoutMs: callTimeoutMs, metadata: asked.metadata };
  try {
    const request = { panel: asked.panel };
    const response = await callWorker<ListSessionsResponse>(
      (...rest) => clients.session.listSessions(request, ...rest),
      bounds,
    );
    return response.sessions;
  } catch (error) {
    deps.log.warn({ err: error, panel }, 'A worker could not list its sessions');
    return [];
  }
}

interface Ending {
  readonly sessionId: string;
  readonly metadata: Metadata;
}

async function endAt(
  deps: SessionServiceDeps,
  { clients }: AnsweringWorker,
  { sessionId, metadata }: Ending,
): Promise<boolean> {
  const bounds = { clock: deps.clock, timeoutMs: callTimeoutMs, metadata };
  try {
    await callWorker<EndSessionResponse>((...rest) => clients.session.endSession({ sessionId }, ...rest), bounds);
    return true;
  } catch (error) {
    if ((error as ServiceError).code === status.NOT_FOUND) return false;
    throw error;
  }
}

// Who asks, as workers are told; as administrator they see the sessions of everybody.
async function metadataFor(deps: SessionServiceDeps, call: VerifiedCall, context: AuditContext): Promise<Metadata> {
  const isAdministrator = await deps.permissions.has(call.caller, administerSessions, context);
  return identityMetadata(workerIdentity(call.caller, isAdministrator));
}

function requirePanel({ registry }: SessionServiceDeps, panel: string): void {
  if (panel === '' || registry.workers().some((worker) => worker.panel.name === panel)) return;
  throw new PaneletError('PANEL_UNKNOWN', `This node does not offer the panel "${panel}".`);
}

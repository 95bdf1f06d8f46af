import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import type { PacedCalls } from '#common/grpc/paced-calls.js';
import { SessionNews } from '#common/grpc/session-news.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import { msToDuration } from '#common/time/duration.js';
import { msToTimestamp } from '#common/time/timestamp.js';
import type { Log } from '#common/log.js';
import type {
  EndSessionRequest,
  EndSessionResponse,
  ListSessionsRequest,
  ListSessionsResponse,
  Session,
  SessionServiceServer,
  WatchSessionsRequest,
  WatchSessionsResponse,
} from '#proto/session/v1/session.js';
import { SessionServiceService } from '#proto/session/v1/session.js';
import type { PanelDefinition } from '../panel/panel.js';
import type { Gate } from '../drain/gate.js';
import type { AttachHandler } from '../sessions/attach-handler.js';
import type { SessionCaller, SessionRegistry, VisibleSession } from '../sessions/session-registry.js';
import { callerOf } from '../sessions/caller.js';
import { unary } from './unary-handler.js';

/** What the session service needs. */
export interface WorkerSessionServiceDeps {
  readonly definition: PanelDefinition;
  readonly node: string;
  readonly registry: SessionRegistry;
  readonly gate: Gate;
  readonly attach: AttachHandler;
  /** Those who watch their sessions. */
  readonly watches: PacedCalls;
  readonly clock: Clock;
  readonly log: Log;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** SessionService whose Attach speaks bytes: a malformed message is answered as the protocol says, not by grpc-js. */
export const sessionServiceDefinition = {
  ...SessionServiceService,
  attach: {
    ...SessionServiceService.attach,
    requestDeserialize: asIs,
    requestSerialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

/** SessionService of one worker. */
export function createSessionService(deps: WorkerSessionServiceDeps): Pick<
  SessionServiceServer,
  'listPanels' | 'listSessions' | 'watchSessions' | 'endSession'
> & {
  attach: AttachHandler['handle'];
} {
  const { definition, registry, gate, log } = deps;
  const describe = ({ record, driver, dormant }: VisibleSession): Session => {
    const cursors = driver?.link.endpoint.cursors;
    const { isActive, retireAtMs } = gate.retirement;
    // What nobody has is taken up by the newest worker.
    const retiring = isActive && driver !== undefined;
    return {
      sessionId: record.id,
      panel: definition.name,
      node: deps.node,
      owner: record.owner,
      incarnation: driver?.link.incarnation ?? 0,
      attached: driver?.attached ?? false,
      age: msToDuration(deps.clock.date().getTime() - Date.parse(record.createdAt)),
      framesIn: (cursors?.nextRx ?? 1) - 1,
      framesOut: (cursors?.txNext ?? 1) - 1,
      checkpointable: definition.checkpointable,
      details: driver?.details() ?? { state: dormant?.life.kind ?? '' },
      retiring,
      endsAt: retiring && retireAtMs !== undefined ? msToTimestamp(retireAtMs) : undefined,
    };
  };
  const list = (panel: string, caller: SessionCaller): Session[] => {
    const wanted = panel === '' || panel === definition.name ? registry.visible(caller) : [];
    return wanted.toSorted((a, b) => a.record.createdAt.localeCompare(b.record.createdAt)).map(describe);
  };
  return {
    attach: deps.attach.handle,
    listPanels: unary(log, () => ({
      node: deps.node,
      panels: [
        {
          name: definition.name,
          serving: gate.admitsNew,
          sessions: registry.live.size + registry.dormant.size,
          checkpointable: definition.checkpointable,
          message: gate.admitsNew ? '' : 'A restart is coming: no new sessions for now.',
          version: definition.version,
        },
      ],
    })),
    listSessions: unary<ListSessionsRequest, ListSessionsResponse>(log, (request, call) => {
      return { sessions: list(request.panel, callerOf(call.metadata)) };
    }),
    watchSessions: (call) => watchSessions(deps, call, list),
    endSession: unary<EndSessionRequest, EndSessionResponse>(log, async (request, call) => {
      await registry.endSession(request.sessionId, callerOf(call.metadata));
      return {};
    }),
  };
}

function watchSessions(
  { watches, clock }: WorkerSessionServiceDeps,
  call: ServerWritableStream<WatchSessionsRequest, WatchSessionsResponse>,
  list: (panel: string, caller: SessionCaller) => Session[],
): void {
  try {
    const caller = callerOf(call.metadata);
    const news = new SessionNews();
    watches.add(call, () => news.next(list(call.request.panel, caller), clock.nowMs()));
  } catch (error) {
    call.emit('error', statusOf(error));
  }
}

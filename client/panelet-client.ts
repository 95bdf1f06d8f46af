import { Metadata } from '@grpc/grpc-js';
import { createSystemClock } from '#common/time/clock.js';
import { createSystemRandom } from '#common/random.js';
import { AttachMode } from '#proto/session/v1/session.js';
import { silentLog } from './connect/client-log.js';
import { ClientSessions, type SessionTarget } from './client-sessions.js';
import { createAddressBook } from './connect/address-book.js';
import { defaultTimes } from './connect/attach-times.js';
import { bearer } from './connect/bearer.js';
import { createAgentCalls, type AgentCalls } from './calls/agent-calls.js';
import { createChannelPool, type ChannelPool } from './connect/channel-pool.js';
import type { OpenOptions, PaneletClientOptions, ResumeOptions, TokenQuery } from './connect/client-options.js';
import { credentialsFor, serverNameOf, type TlsOption } from './connect/endpoint-address.js';
import { nodePanelsOf, sessionInfoOf, type NodePanels, type SessionInfo } from './calls/node-views.js';
import type { PaneletSession } from './session/panelet-session.js';
import { callUnary } from './calls/unary-call.js';

/** Opens sessions on the agents of a cluster, and keeps them attached. */
export interface PaneletClient {
  /** Opens a session. @throws PaneletError when it is refused, or no agent answers in time. */
  open(options: OpenOptions): Promise<PaneletSession>;
  /**
   * Goes on with a session of another process. Its cursors are gone: output so far comes as a snapshot, or is told as
   * lost. @throws SESSION_UNKNOWN when there is none, or the token is not for it.
   */
  resume(options: ResumeOptions): Promise<PaneletSession>;
  /** The panels of the node that answers. */
  listPanels(): Promise<NodePanels>;
  /** The caller's own sessions on the node that answers, oldest first. */
  listSessions(panel?: string): Promise<readonly SessionInfo[]>;
  /** Ends a session for good. @throws SESSION_UNKNOWN when there is none, or it is somebody else's. */
  endSession(sessionId: string): Promise<void>;
  /** Leaves all sessions, which are kept, and closes the connections. The same as `await using`. */
  close(): Promise<void>;
  /** `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** About no session: whichever agent answers. */
const anyAgent = { sessionId: '', node: '' };

/** A client. Connects when it is first used. @throws CONFIG_INVALID for addresses that cannot be used. */
export function createPaneletClient(options: PaneletClientOptions): PaneletClient {
  const clock = options.clock ?? createSystemClock({ keepsAlive: true });
  const random = options.random ?? createSystemRandom();
  const log = options.log ?? silentLog;
  const book = createAddressBook(options);
  const tls = (): TlsOption => (typeof options.tls === 'function' ? options.tls() : (options.tls ?? 'auto'));
  const pool = createPool(options, tls);
  const metadata = (query: TokenQuery): Promise<Metadata> => identityMetadata(options.token, query);
  const { connectTimeoutMs = defaultTimes.connectTimeoutMs, dialTimeoutMs = connectTimeoutMs } = options.times ?? {};
  const calls = createAgentCalls({
    book,
    pool,
    clock,
    random,
    metadata: () => metadata({ refused: false }),
    dialMs: dialTimeoutMs,
  });
  const sessions = new ClientSessions({
    options,
    tls,
    book,
    pool,
    metadata,
    endSession: (sessionId, node) => endSession(calls, sessionId, node),
    clock,
    random,
    log,
  });
  const close = async (): Promise<void> => {
    await sessions.detachAll();
    pool.close();
  };
  return {
    open: (open) => sessions.start(openingLink(open, open.sessionId ?? random.uuid()), open),
    resume: (resume) => sessions.start(resumingLink(resume), resume),
    listPanels: () =>
      calls.call(anyAgent, async ({ client }, context) =>
        nodePanelsOf(await callUnary(client.listPanels.bind(client), {}, context)),
      ),
    listSessions: (panel) =>
      calls.call(anyAgent, async ({ client }, context) => {
        const response = await callUnary(client.listSessions.bind(client), { panel: panel ?? '' }, context);
        return response.sessions.map(sessionInfoOf);
      }),
    endSession: (sessionId) => endSession(calls, sessionId, ''),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createPool(options: PaneletClientOptions, tls: () => TlsOption): ChannelPool {
  return createChannelPool({
    credentialsFor: (address) => credentialsFor(address, tls()),
    serverNameOf: (node) => serverNameOf(tls(), node),
    ...(options.maxSessionsPerConnection === undefined ? {} : { maxLeases: options.maxSessionsPerConnection }),
  });
}

async function identityMetadata(given: PaneletClientOptions['token'], query: TokenQuery): Promise<Metadata> {
  const token = typeof given === 'function' ? await given(query) : given;
  const sent = new Metadata();
  const authorization = bearer(token);
  if (authorization !== undefined) sent.set('authorization', authorization);
  return sent;
}

function openingLink(open: OpenOptions, sessionId: string): SessionTarget {
  return {
    panel: open.panel,
    sessionId,
    mode: AttachMode.OPEN,
    parameters: open.parameters ?? {},
    takeover: open.takeover ?? false,
  };
}

function resumingLink({ panel, sessionId, takeover, resumeToken }: ResumeOptions): SessionTarget {
  return {
    panel,
    sessionId,
    mode: AttachMode.RESUME,
    takeover: takeover ?? true,
    resumeToken: typeof resumeToken === 'string' ? Buffer.from(resumeToken, 'base64') : resumeToken,
  };
}

function endSession(calls: AgentCalls, sessionId: string, node: string): Promise<void> {
  return calls.call({ sessionId, node }, async ({ client }, context) => {
    await callUnary(client.endSession.bind(client), { sessionId }, context);
  });
}

import { Metadata } from '@grpc/grpc-js';
import { createSystemClock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { createSilentLog } from '#common/log.js';
import { createSystemRandom } from '#common/random.js';
import { AttachMode, type ListPanelsResponse, type Session } from '#proto/session/v1/session.js';
import { createClientLink, type ClientLinkOptions } from '#session/client/client-link.js';
import { createAddressBook } from './connect/address-book.js';
import { AttachmentLoop } from './session/attachment-loop.js';
import { bearer } from './connect/bearer.js';
import { createAgentCalls } from './calls/agent-calls.js';
import { createChannelPool } from './connect/channel-pool.js';
import type { OpenOptions, PaneletClientOptions, ResumeOptions } from './connect/client-options.js';
import { startSession } from './session/create-session.js';
import { credentialsFor, serverNameOf, type TlsOption } from './connect/endpoint-address.js';
import type { PaneletSession } from './session/panelet-session.js';
import { createReachability } from './connect/reachability.js';
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
  listPanels(): Promise<ListPanelsResponse>;
  /** The caller's own sessions on the node that answers, oldest first. */
  listSessions(panel?: string): Promise<readonly Session[]>;
  /** Ends a session for good. @throws SESSION_UNKNOWN when there is none, or it is somebody else's. */
  endSession(sessionId: string): Promise<void>;
  /** Leaves all sessions, which are kept, and closes the connections. */
  close(): Promise<void>;
}

/** A client. Connects when it is first used. @throws CONFIG_INVALID for addresses that cannot be used. */
export function createPaneletClient(options: PaneletClientOptions): PaneletClient {
  const clock = options.clock ?? createSystemClock({ keepsAlive: true });
  const random = options.random ?? createSystemRandom();
  const log = options.log ?? createSilentLog();
  const tls = (): TlsOption => (typeof options.tls === 'function' ? options.tls() : (options.tls ?? 'auto'));
  const book = createAddressBook(options);
  const clientId = random.uuid();
  const pool = createChannelPool({
    credentialsFor: (address) => credentialsFor(address, tls()),
    serverNameOf: (node) => serverNameOf(tls(), node),
    ...(options.maxSessionsPerConnection === undefined ? {} : { maxLeases: options.maxSessionsPerConnection }),
  });
  const reachability = createReachability({ clock, random });
  const sessions = new Set<PaneletSession>();

  const metadata = async (): Promise<Metadata> => {
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    const sent = new Metadata();
    const authorization = bearer(token);
    if (authorization !== undefined) sent.set('authorization', authorization);
    return sent;
  };
  const calls = createAgentCalls({
    ...{ book, pool, clock, random, metadata },
    dialTimeoutMs: options.times?.dialTimeoutMs,
  });
  const anyAgent = { sessionId: '', node: '' };
  const endSession = (sessionId: string, node: string): Promise<void> =>
    calls.call({ sessionId, node }, async ({ client }, context) => {
      await callUnary(client.endSession.bind(client), { sessionId }, context);
    });
  const endOwn = async (sessionId: string, node: string): Promise<void> => {
    try {
      await endSession(sessionId, node);
    } catch (error) {
      if (!isPaneletError(error, 'SESSION_UNKNOWN') && !isPaneletError(error, 'SESSION_ENDED')) throw error;
    }
  };
  const start = async (
    linkOptions: Omit<ClientLinkOptions, 'clientId'>,
    more: Pick<ResumeOptions, 'signal' | 'onLoss' | 'node' | 'onWaiting'>,
  ): Promise<PaneletSession> => {
    const link = createClientLink({ ...linkOptions, clientId });
    const { panel, sessionId } = linkOptions;
    const { session, opened } = startSession({
      link,
      panel,
      onLoss: more.onLoss ?? 'continue',
      clock,
      log,
      endSession: (node) => endOwn(sessionId, node),
      loop: (events) =>
        new AttachmentLoop({
          link,
          panel,
          node: more.node ?? '',
          pool,
          reachability,
          book,
          tokensRotate: typeof options.token === 'function',
          resumes: linkOptions.mode === AttachMode.RESUME,
          metadata,
          times: options.times ?? {},
          reattach: options.reattach ?? {},
          liveness: options.liveness ?? {},
          clock,
          random,
          log,
          events,
        }),
    });
    sessions.add(session);
    void session.over.then(() => sessions.delete(session));
    const stopTelling = session.on('reattaching', ({ error }) => {
      if (error !== undefined) more.onWaiting?.(error);
    });
    const abort = (): void => void session.detach();
    more.signal?.addEventListener('abort', abort, { once: true });
    try {
      await opened;
    } catch (error) {
      throw more.signal?.aborted === true
        ? new PaneletError('TIMEOUT', 'Opening was given up.', { cause: error })
        : error;
    } finally {
      stopTelling();
      more.signal?.removeEventListener('abort', abort);
    }
    return session;
  };
  return {
    open: (open) =>
      start(
        {
          panel: open.panel,
          sessionId: open.sessionId ?? random.uuid(),
          mode: AttachMode.OPEN,
          parameters: open.parameters ?? {},
          takeover: open.takeover ?? false,
        },
        open,
      ),
    resume: (resume) =>
      start(
        {
          panel: resume.panel,
          sessionId: resume.sessionId,
          mode: AttachMode.RESUME,
          takeover: resume.takeover ?? true,
          resumeToken:
            typeof resume.resumeToken === 'string' ? Buffer.from(resume.resumeToken, 'base64') : resume.resumeToken,
        },
        resume,
      ),
    listPanels: () =>
      calls.call(anyAgent, ({ client }, context) => callUnary(client.listPanels.bind(client), {}, context)),
    listSessions: (panel) =>
      calls.call(anyAgent, async ({ client }, context) => {
        const response = await callUnary(client.listSessions.bind(client), { panel: panel ?? '' }, context);
        return response.sessions;
      }),
    endSession: (sessionId) => endSession(sessionId, ''),
    close: async () => {
      await Promise.all([...sessions].map((session) => session.detach()));
      pool.close();
    },
  };
}

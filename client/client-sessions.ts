import type { Metadata } from '@grpc/grpc-js';
import type { Clock } from '#common/time/clock.js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import { AttachMode } from '#proto/session/v1/session.js';
import { createClientLink, type ClientLink, type ClientLinkOptions } from '#session/client/client-link.js';
import type { ClientLog } from './connect/client-log.js';
import type { LearningBook } from './connect/address-book.js';
import type { ChannelPool } from './connect/channel-pool.js';
import type { PaneletClientOptions, ResumeOptions, TokenQuery } from './connect/client-options.js';
import type { TlsOption } from './connect/endpoint-address.js';
import { mayFollowHint } from './connect/move-addresses.js';
import { createReachability, type Reachability } from './connect/reachability.js';
import { AttachmentLoop, type AttachmentEvents } from './session/attachment-loop.js';
import { startSession } from './session/create-session.js';
import type { PaneletSession } from './session/panelet-session.js';

/** What the sessions of one client share. */
export interface ClientSessionsDeps {
  readonly options: Pick<PaneletClientOptions, 'token' | 'times' | 'reattach' | 'liveness' | 'resolve'>;
  /** How connections are protected now. */
  readonly tls: () => TlsOption;
  readonly book: LearningBook;
  readonly pool: ChannelPool;
  readonly metadata: (query: TokenQuery) => Promise<Metadata>;
  /** Ends a session for good. @throws SESSION_UNKNOWN, SESSION_ENDED when there is none. */
  readonly endSession: (sessionId: string, node: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ClientLog;
}

/** Which session a link is for. */
export type SessionTarget = Omit<ClientLinkOptions, 'clientId'>;

/** What a session is started with, besides what the worker is told. */
export type StartOptions = Pick<ResumeOptions, 'signal' | 'onLoss' | 'node' | 'onWaiting'>;

/** The sessions of one client: starts them, and leaves them together. */
export class ClientSessions {
  readonly #deps: ClientSessionsDeps;
  readonly #clientId: string;
  readonly #reachability: Reachability;
  readonly #open = new Set<PaneletSession>();

  constructor(deps: ClientSessionsDeps) {
    this.#deps = deps;
    this.#clientId = deps.random.uuid();
    this.#reachability = createReachability({ clock: deps.clock, random: deps.random });
  }

  /** Starts a session, and waits for its first welcome. @throws PaneletError when it is refused, or no agent answers in time. */
  async start(target: SessionTarget, options: StartOptions): Promise<PaneletSession> {
    if (options.signal?.aborted === true) throw givenUp(options.signal.reason);
    const { clock, log } = this.#deps;
    const { panel, sessionId, mode } = target;
    const link = createClientLink({ ...target, clientId: this.#clientId, takesMoves: true });
    const node = options.node ?? '';
    const { session, opened } = startSession({
      link,
      panel,
      onLoss: options.onLoss ?? 'continue',
      clock,
      log,
      endSession: (home) => this.#end(sessionId, home),
      loop: (events) => this.#createLoop(link, events, { panel, node, resumes: mode === AttachMode.RESUME }),
    });
    this.#open.add(session);
    void session.closed.then(() => this.#open.delete(session));
    await waitUntilOpen(session, opened, options);
    return session;
  }

  /** Leaves all sessions, which are kept. */
  async detachAll(): Promise<void> {
    await Promise.all([...this.#open].map((session) => session.detach()));
  }

  #createLoop(
    link: ClientLink,
    events: AttachmentEvents,
    about: { readonly panel: string; readonly node: string; readonly resumes: boolean },
  ): AttachmentLoop {
    const { options, tls, pool, book, metadata, clock, random, log } = this.#deps;
    return new AttachmentLoop({
      link,
      panel: about.panel,
      node: about.node,
      pool,
      reachability: this.#reachability,
      book,
      mayFollow: (hint, current) =>
        mayFollowHint(hint, current, { tls: tls(), resolves: options.resolve !== undefined }),
      tokensRotate: typeof options.token === 'function',
      resumes: about.resumes,
      metadata,
      times: options.times ?? {},
      reattach: options.reattach ?? {},
      liveness: options.liveness ?? {},
      clock,
      random,
      log,
      events,
    });
  }

  /** Ends a session that may have ended already. */
  async #end(sessionId: string, node: string): Promise<void> {
    try {
      await this.#deps.endSession(sessionId, node);
    } catch (error) {
      if (!isPaneletError(error, 'SESSION_UNKNOWN') && !isPaneletError(error, 'SESSION_ENDED')) throw error;
    }
  }
}

function givenUp(cause: unknown): PaneletError {
  return new PaneletError('TIMEOUT', 'Opening was given up.', { cause });
}

/** Waits for the first welcome, tells what it waits for, and leaves the session when it is given up. */
async function waitUntilOpen(session: PaneletSession, opened: Promise<void>, options: StartOptions): Promise<void> {
  const { signal, onWaiting } = options;
  const stopTelling = session.on('reattaching', ({ error }) => {
    if (error !== undefined) onWaiting?.(error);
  });
  const abort = (): void => void session.detach();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await opened;
  } catch (error) {
    throw signal?.aborted === true ? givenUp(error) : error;
  } finally {
    stopTelling();
    signal?.removeEventListener('abort', abort);
  }
}

import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { PaneletError, isPaneletError } from '#common/errors/errors.js';
import { statusNameOf } from '#common/grpc/grpc-status.js';
import type { AttachWish } from '../../access/attach-permit.js';
import type { AttachmentReviews, RelayedAttachment } from '../../access/attachment-reviews.js';
import type { ClientConnection } from '../connection/client-connection.js';
import { createFairShares, type FairShares } from '../turns/fair-shares.js';
import { upstreamHeaders, workerIdentity } from './headers.js';
import type { Caller } from '../../access/identity.js';
import { readFirstMessage } from './read-first-message.js';
import { relay, type RelayTold } from '../upstream/relay.js';
import type { Upstream } from '../upstream/upstream.js';

/** The session that a client names, which may be a new one. */
export interface WantedSession {
  readonly panel: string;
  readonly sessionId: string;
}

/** Finds the worker of a session. */
export interface AttachTargets {
  /** @throws PaneletError PANEL_UNKNOWN when this node does not offer the panel */
  requireKnown(panel: string): void;
  /** True once the agent goes: no attachment is let through, and those that come wait, unless another agent of the node is there. */
  readonly isHolding: boolean;
  /**
   * Resolves with the way to the worker that has the session, as soon as it takes attachments; nobody's sessions and new ones go to the
   * panel's newest worker.
   * @throws PaneletError PANEL_UNKNOWN at once; WORKER_UNAVAILABLE once the agent goes and another one is there; the signal's reason when
   * it aborts.
   */
  ready(wanted: WantedSession, signal: AbortSignal): Promise<AttachTarget>;
}

/** The way to a worker. */
export interface AttachTarget {
  readonly upstream: Upstream;
  /** Keys of its metadata that go through to clients, besides those of gRPC and Panelet. */
  readonly passedKeys: ReadonlySet<string>;
  /**
   * Has the worker tell the client of an attachment why it ends, and end it; `name` is what the attachment is called.
   * @returns false when the worker knows none of this name
   */
  readonly revoke: (name: string, message: string) => Promise<boolean>;
}

/** What an Attach handler needs. */
export interface AttachDeps {
  readonly clock: Clock;
  readonly targets: AttachTargets;
  /**
   * Resolves when the caller may attach that way.
   * @throws PaneletError IDENTITY_REFUSED; API_UNAVAILABLE when nobody can say.
   */
  readonly permit: (call: ClientAttach, wish: AttachWish) => Promise<void>;
  /** Told how each attempt went: the name of a gRPC status, OK once the relay has begun. */
  readonly onOutcome?: (panel: string, code: string) => void;
  /** Watches whether attachments stay allowed; see `AttachmentReviews.expect`. */
  readonly expect?: AttachmentReviews['expect'];
  /** Name of this life of the agent, which a worker is told: its clients are told apart from those of another agent. */
  readonly agentInstance: string;
  /** A name that no other attachment has, of this agent or another. */
  readonly nameAttachment: () => string;
  readonly relaying?: RelayTold;
  /** Time for the first message. */
  readonly helloTimeoutMs: number;
  /** Time to wait for a worker that is not up. */
  readonly holdMs: number;
  /** Most attaches that wait for a first message or a worker. */
  readonly maxPendingAttaches: number;
}

/** One Attach, with its caller verified. */
export interface ClientAttach {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly caller: Caller;
  readonly connection: ClientConnection;
  readonly remoteAddress: string | undefined;
}

const panelName = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** Largest first message; the same as the protocol's largest message. */
export const maxFirstMessageBytes = 128 * 1024;
/** Most bytes of first messages that wait, of all clients. */
const maxPendingBytes = 32 * 1024 * 1024;

/** One Attach until it is relayed. */
interface Pending {
  readonly gone: AbortController;
  /** The panel, once its name is known. */
  panel: string;
}

/**
 * Handler of Attach: reads the Hello, waits for the panel's worker, then relays.
 * The promise rejects with a PaneletError that is still to be told to the client; it resolves when the relay has begun
 * or the client has gone.
 */
export function createAttachRelay(deps: AttachDeps): (call: ClientAttach) => Promise<void> {
  const waiting = createFairShares<Pending>({ items: deps.maxPendingAttaches, bytes: maxPendingBytes }, ({ gone }) =>
    gone.abort(new PaneletError('LIMIT_EXCEEDED', 'Too many of your attaches wait. Let some of them through first.')),
  );
  return async (call) => {
    const pending: Pending = { gone: new AbortController(), panel: '' };
    const leave = (): void => pending.gone.abort(new PaneletError('TRANSPORT_LOST', 'The client has gone.'));
    call.stream.once('aborted', leave);
    call.stream.once('close', leave);
    waiting.add(pending, call.caller.name);
    try {
      await attach({ ...deps, waiting }, call, pending);
      deps.onOutcome?.(pending.panel, 'OK');
    } catch (error) {
      deps.onOutcome?.(pending.panel, statusNameOf(error));
      if (!call.stream.closed && !call.stream.destroyed) throw error;
    } finally {
      waiting.remove(pending);
      // A session lives for hours; what only the waiting needed must not.
      call.stream.off('aborted', leave);
      call.stream.off('close', leave);
    }
  };
}

interface Waiting extends AttachDeps {
  readonly waiting: FairShares<Pending>;
}

async function attach(deps: Waiting, call: ClientAttach, pending: Pending): Promise<void> {
  const { clock, waiting } = deps;
  const watch = deps.expect?.();
  const hold = { clock, limitMs: deps.holdMs, signals: [pending.gone.signal] };
  const late = (): PaneletError => new PaneletError('FRAME_INVALID', 'No complete Hello arrived in time.');
  const first = await withDeadline({ ...hold, limitMs: deps.helloTimeoutMs, error: late }, (signal) =>
    readFirstMessage(call, { limitBytes: maxFirstMessageBytes, signal, onSize: (size) => waiting.hold(pending, size) }),
  );
  const { panel, sessionId, mode, moves } = first.hello();
  const wish = { panel, sessionId, mode };
  if (!panelName.test(panel)) throw new PaneletError('PANEL_UNKNOWN', 'This is not the name of a panel.');
  pending.panel = panel;
  deps.targets.requireKnown(panel);
  // Its current attachment goes on: it need not wait, and may find another agent.
  if (moves && deps.targets.isHolding)
    throw new PaneletError('WORKER_UNAVAILABLE', 'This agent goes. Try another one.');
  const undecided = 'Nobody decided in time whether this is allowed. Try again.';
  await withDeadline({ ...hold, error: () => new PaneletError('API_UNAVAILABLE', undecided) }, () =>
    deps.permit(call, wish),
  );
  const down = `The worker of panel "${panel}" is not up. Try again.`;
  const { upstream, passedKeys, revoke } = await withDeadline(
    { ...hold, error: () => new PaneletError('WORKER_UNAVAILABLE', down) },
    (signal) => openWhenReady(deps, call, { panel, sessionId, signal }),
  );
  if (call.stream.destroyed || call.stream.closed) upstream.close(constants.NGHTTP2_CANCEL);
  else {
    relay({ client: call.stream, upstream, head: first.bytes(), passedKeys, ...deps.relaying });
    const { caller, remoteAddress } = call;
    const cut = (): void => upstream.close(constants.NGHTTP2_CANCEL);
    const forget = watch?.({ caller, remoteAddress, wish, cut, revoke });
    if (forget !== undefined) call.stream.once('close', forget);
  }
}

const socketRetryMs = 20;

interface OpenedTarget {
  readonly upstream: ClientHttp2Stream;
  readonly passedKeys: ReadonlySet<string>;
  readonly revoke: RelayedAttachment['revoke'];
}

interface Wanted extends WantedSession {
  readonly signal: AbortSignal;
}

async function openWhenReady(deps: AttachDeps, call: ClientAttach, wanted: Wanted): Promise<OpenedTarget> {
  const { signal } = wanted;
  const name = deps.nameAttachment();
  const own = { 'panelet-attachment': name, 'panelet-agent': deps.agentInstance };
  const headers = { ...upstreamHeaders(call.headers), ...workerIdentity(call.caller, false), ...own };
  for (;;) {
    const { upstream, passedKeys, revoke } = await deps.targets.ready(wanted, signal);
    try {
      const stream = await upstream.open({ connection: call.connection, caller: call.caller.name }, headers, signal);
      if (signal.aborted) stream.close(constants.NGHTTP2_CANCEL);
      return { upstream: stream, passedKeys, revoke: (message) => revoke(name, message) };
    } catch (error) {
      // Its socket has just gone: the registry notices too, and says when the next worker is there.
      if (!isPaneletError(error, 'WORKER_UNAVAILABLE') || signal.aborted) throw error;
      await sleep(deps.clock, socketRetryMs, signal);
    }
  }
}

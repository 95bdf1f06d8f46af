import type { Clock } from '#common/time/clock.js';
import type { PaneletError } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { ClientLog } from './client-log.js';
import type { AttachTimes } from './attach-times.js';
import type { TlsOption } from './endpoint-address.js';
import type { LivenessOptions } from './liveness.js';
import type { ReattachOptions } from './reattach-policy.js';

/** Where to look for a session. */
export interface AddressQuery {
  /** Empty for a call that is about no session. */
  readonly sessionId: string;
  /** Empty for a call. */
  readonly panel: string;
  /** Node to attach to, as the worker named it; empty when not known. */
  readonly node: string;
  /** Attempts that have failed in a row; it also rises while no address takes a connection. */
  readonly attempt: number;
  /** Pod of the agent to attach to, where a worker has named it: a node may have two agents for a while. A wish, and a stranger's word. */
  readonly podUid?: string;
}

/** One address, or several of the same agent, for example that of its pod and that of the pod which replaces it. */
export type ResolvedAddress = string | readonly string[];

/** How a client finds agents, in order of precedence `resolve`, `addresses`, `address`. */
export interface AddressOptions {
  /** Address of an agent, `host:port`, or of a Service in front of several: sessions find the agents of their nodes. */
  readonly address?: string;
  /**
   * Addresses by name of the node. A session goes to the agent of its node; a new one to the first that takes a connection, each
   * being tried 250 ms after the one before, or as soon as that has failed.
   */
  readonly addresses?: Readonly<Record<string, string>>;
  /**
   * Finds the agent for a session; asked before every attempt, so that a session may move between nodes, and again while no connection
   * comes about. Several addresses race, the first of them in front.
   */
  readonly resolve?: (query: AddressQuery) => ResolvedAddress | Promise<ResolvedAddress>;
}

/** For what a token is asked. */
export interface TokenQuery {
  /** True where the agent did not take the one before: another one is wanted, also where that one has not expired. */
  readonly refused: boolean;
}

/** What a client is made with. */
export interface PaneletClientOptions extends AddressOptions {
  /** Token of the identity; a function is asked before every attempt, so that tokens may rotate. */
  readonly token?: string | ((query: TokenQuery) => string | Promise<string>);
  /**
   * A function is asked for every new connection, so that authorities may rotate.
   * @default 'auto': TLS, except to this machine
   */
  readonly tls?: TlsOption | (() => TlsOption);
  /** Spacing of the attempts after a loss. */
  readonly reattach?: ReattachOptions;
  /** Limits in time of opening and of re-attaching. */
  readonly times?: AttachTimes;
  /** End-to-end ping of silent sessions. */
  readonly liveness?: LivenessOptions;
  /** Sessions on one connection. @default 100 */
  readonly maxSessionsPerConnection?: number;
  /** Where the SDK says what it does. @default nowhere */
  readonly log?: ClientLog;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: Random;
}

/** What to open. */
export interface OpenOptions {
  /** Name of the panel, as `listPanels` has it. */
  readonly panel: string;
  /** Parameters of the panel. @default none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** A UUID, so that opening twice opens once. @default a new one */
  readonly sessionId?: string;
  /** Take an existing session over from another client. @default false */
  readonly takeover?: boolean;
  /** Gives up opening; has no effect once open. */
  readonly signal?: AbortSignal;
  /** Told each time the session cannot be opened yet and is tried again, with the reason. */
  readonly onWaiting?: (reason: PaneletError) => void;
  /** What happens when frames are lost: go on, told; or end with SESSION_LOST. @default 'continue' */
  readonly onLoss?: 'continue' | 'end';
}

/** What to go on with. */
export interface ResumeOptions {
  /** As `resumeState()` has it, and so the panel. */
  readonly sessionId: string;
  readonly panel: string;
  /** The resume token of `resumeState()`, base64 or bytes. */
  readonly resumeToken: string | Uint8Array;
  /** Node that the session lives on, where known. */
  readonly node?: string;
  /** Take it from the client that has it. @default true */
  readonly takeover?: boolean;
  /** As of `OpenOptions`. */
  readonly signal?: AbortSignal;
  /** As of `OpenOptions`. */
  readonly onWaiting?: (reason: PaneletError) => void;
  /** As of `OpenOptions`. @default 'continue' */
  readonly onLoss?: 'continue' | 'end';
}

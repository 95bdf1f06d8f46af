import type { KubernetesUser } from '../kube/reviews.js';

/**
 * What a caller may do: `client` attaches and sees own sessions, `operator` drives the gate, `controller` does so as the leader whose number
 * fences the others, `admin` does what clients and operators do, for all.
 */
export type Role = 'client' | 'operator' | 'controller' | 'admin';

/** Somebody whose identity is verified. */
export interface Caller {
  readonly name: string;
  /** What the agent's own configuration lets them do; nothing for those that the API server decides about. */
  readonly roles: readonly Role[];
  /** Set for those that the API server knows: it decides what they may do. */
  readonly kubernetes?: KubernetesUser;
}

/** A client certificate whose chain was verified. */
export interface VerifiedPeer {
  readonly organization: string;
  readonly commonName: string;
}

/** A connection as far as it matters for whose credentials are looked at next; never for whether they are good. */
export interface CallerConnection {
  /** A number that no other connection of this agent has, before or after. */
  readonly id: number;
  /** Address of the peer. */
  readonly address: string;
  /** What its address counts as: connections of one network share its turns; by a port-forward that is everybody, so it limits nothing. */
  readonly network: string;
  /** True once credentials that came over this connection were accepted. */
  accepted(): boolean;
  /**
   * Aborts when the connection has ended: what it asked is then asked for nobody. Each call that waits listens to it, so whoever
   * makes it lifts Node's warning about many listeners (`setMaxListeners`).
   */
  readonly signal?: AbortSignal | undefined;
}

/** What a request brings to prove who it is from. */
export interface Credentials {
  /** Value of the `authorization` header. */
  readonly authorization: string | undefined;
  /** Address of the peer, for logs of an implementation. */
  readonly remoteAddress: string | undefined;
  /** The peer's certificate, when it has one that can be trusted now. */
  readonly peer?: VerifiedPeer | undefined;
  /** The connection that it came over. @default one of its own, of `remoteAddress` */
  readonly connection?: CallerConnection | undefined;
}

/** Finds out who calls. Other implementations (OIDC) plug in here. */
export interface Identity {
  /**
   * @throws PaneletError IDENTITY_MISSING when the credentials prove nothing (an AuthenticationError says why);
   * API_UNAVAILABLE when nobody can say; LIMIT_EXCEEDED when too many wait for an answer; the reason of the connection's signal.
   */
  authenticate(credentials: Credentials): Caller | Promise<Caller>;
  /**
   * The caller as its configuration knows them now; undefined when it knows them no more. Whoever the API server decides about
   * stays as they are.
   */
  current(caller: Caller): Caller | undefined;
  /** Takes up changes, at SIGHUP; keeps what is in force when the new state is unusable, and throws. */
  reload(): Promise<void>;
}

/** True when the caller has the role, or is an admin. */
export function hasRole(caller: Caller, role: Role): boolean {
  return caller.roles.includes(role) || caller.roles.includes('admin');
}

/** Identity for a loopback listener on one's own machine: everybody is the admin `loopback`, who may also lead. */
export function createLoopbackIdentity(): Identity {
  const caller: Caller = { name: 'loopback', roles: ['admin', 'controller'] };
  return { authenticate: () => caller, current: () => caller, reload: () => Promise.resolve() };
}

/** What a caller may do: `client` attaches and sees own sessions, `operator` drives the gate, `admin` does both for all. */
export type Role = 'client' | 'operator' | 'admin';

/** Somebody whose identity is verified. */
export interface Caller {
  readonly name: string;
  readonly roles: readonly Role[];
}

/** What a request brings to prove who it is from. */
export interface Credentials {
  /** Value of the `authorization` header. */
  readonly authorization: string | undefined;
  /** Address of the peer, for logs of an implementation. */
  readonly remoteAddress: string | undefined;
}

/** Finds out who calls. Other implementations (OIDC, client certificates, TokenReview) plug in here. */
export interface Identity {
  /** @throws PaneletError IDENTITY_MISSING when the credentials prove nothing. */
  authenticate(credentials: Credentials): Caller | Promise<Caller>;
  /** Takes up changes, at SIGHUP; keeps what is in force when the new state is unusable, and throws. */
  reload(): Promise<void>;
}

/** True when the caller has the role, or is an admin. */
export function hasRole(caller: Caller, role: Role): boolean {
  return caller.roles.includes(role) || caller.roles.includes('admin');
}

/** Identity for a loopback listener on one's own machine: everybody is the admin `loopback`. */
export function createLoopbackIdentity(): Identity {
  const caller: Caller = { name: 'loopback', roles: ['admin'] };
  return { authenticate: () => caller, reload: () => Promise.resolve() };
}

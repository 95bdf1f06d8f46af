import type { AttachMode } from '#proto/session/v1/session.js';
import type { SessionLimits } from '../codec/limits.js';

/** What a client wants. */
export interface ClientLinkOptions {
  readonly panel: string;
  /** A UUID. */
  readonly sessionId: string;
  /** Stable for one SDK instance. */
  readonly clientId: string;
  readonly mode: AttachMode;
  /** Parameters of the panel. @default none */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Ask to take the session over from another client. @default false */
  readonly takeover?: boolean;
  /** Token to begin with, when resuming a session of an earlier process. @default none */
  readonly resumeToken?: Uint8Array;
  /** Says that wishes to move are taken up: the effect `move`. @default false */
  readonly takesMoves?: boolean;
  /** @default defaultLimits */
  readonly limits?: SessionLimits;
}

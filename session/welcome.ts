import type { Frame, Hello, Welcome } from '#proto/session/v1/session.js';
import type { Admitted } from './admission.js';
import type { Cursors, EndpointTotals } from './endpoint.js';
import type { SessionLimits } from './limits.js';

/** What a Welcome says besides the decision. */
export interface WelcomeFacts {
  readonly sessionId: string;
  readonly incarnation: number;
  readonly resumeToken: Buffer;
  readonly resumeTtlMs: number;
  readonly cursors: Cursors;
  readonly totals: EndpointTotals;
  readonly limits: SessionLimits;
  readonly node: string;
}

/** The Welcome of a decision. */
export function buildWelcome(decision: Admitted, facts: WelcomeFacts): Welcome {
  throw new Error('unfinished', { cause: { decision, facts } });
}

/** Why frames are lost. */
export interface LossReason {
  /** Upper-case, for example "WORKER_CRASHED". */
  readonly code: string;
  /** For a person. */
  readonly message: string;
}

/** The Reset frames that follow a Welcome, in order: none unless something is lost to this client. */
export function lossResets(hello: Hello, decision: Admitted, reason: LossReason): Frame[] {
  throw new Error('unfinished', { cause: { hello, decision, reason } });
}

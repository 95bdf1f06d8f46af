import { isPaneletError, type PaneletError } from '#common/errors/errors.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { SessionOutcome } from './read-output.js';

/** True for an error after which there is nothing to come back to. Whatever else keeps a client away, the session may live. */
export function isCertainEnd(error: unknown): boolean {
  return isPaneletError(error, 'SESSION_ENDED') || isPaneletError(error, 'SESSION_UNKNOWN');
}

/** True when there is nothing to come back to. */
export function isOver(outcome: SessionOutcome): boolean {
  if (outcome.kind !== 'failed') return outcome.kind !== 'detached';
  return isCertainEnd(outcome.error);
}

/** How a session failed that another client has taken over; undefined for any other one. */
export async function takeoverOf(session: PaneletSession): Promise<PaneletError | undefined> {
  const end = session.phase === 'closed' ? await session.closed : undefined;
  return end?.kind === 'failed' && isPaneletError(end.error, 'ATTACH_SUPERSEDED') ? end.error : undefined;
}

import type { PaneletSession } from '../../session/panelet-session.js';

/** Ends a session for good; leaves it where its agent cannot be told. */
export function endOrLeave(session: PaneletSession): Promise<void> {
  return session.terminate().catch(() => session.detach());
}

import { durationToMs } from '#common/time/duration.js';
import type { Session } from '#proto/session/v1/session.js';

/**
 * Sessions of several workers as those of one node, oldest first. A session that nobody has is listed by each worker that could take it
 * up, one that has moved for a moment by two: the later life counts.
 */
export function eachOnce(sessions: readonly Session[]): Session[] {
  const latest = new Map<string, Session>();
  for (const session of sessions) {
    const before = latest.get(session.sessionId);
    if (before === undefined || session.incarnation > before.incarnation) latest.set(session.sessionId, session);
  }
  return [...latest.values()].sort(byAge);
}

function byAge(a: Session, b: Session): number {
  return durationToMs(b.age, 0) - durationToMs(a.age, 0);
}

import type { Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { isEqualJson } from '../equal-json.js';
import type { PacedNews } from './paced-stream.js';

/** Changes of sessions are told together once in so many milliseconds. */
export const sessionNewsMs = 250;
/** What only counts is told once in so many milliseconds. */
export const sessionCountsMs = 2_000;

/** What one reader of WatchSessions was told, and so what is news to him. */
export class SessionNews {
  #told = new Map<string, Session>();
  #isFirst = true;
  #countedMs = 0;

  /** What to tell of the sessions as they are now, after which they are told. The first time that is all of them, also where there is none. */
  next(sessions: readonly Session[], nowMs: number): PacedNews<WatchSessionsResponse> {
    const dueInMs = this.#isFirst ? 0 : Math.max(0, this.#countedMs + sessionCountsMs - nowMs);
    const complete = this.#isFirst;
    const now = new Map<string, Session>();
    const changed: Session[] = [];
    let countsOnly = 0;
    for (const session of sessions) {
      const told = this.#told.get(session.sessionId);
      const isNews = told === undefined || !isSame(told, session);
      const isCount = !isNews && !hasSameCounts(told, session);
      if (isCount) countsOnly++;
      const isTold = isNews || (isCount && dueInMs === 0);
      if (isTold) changed.push(session);
      now.set(session.sessionId, isTold ? session : told);
    }
    const gone = [...this.#told.keys()].filter((id) => !now.has(id));
    this.#told = now;
    this.#isFirst = false;
    if (complete || (countsOnly > 0 && dueInMs === 0)) this.#countedMs = nowMs;
    const message = complete || changed.length + gone.length > 0 ? { complete, sessions: changed, gone } : undefined;
    return { message, againInMs: countsOnly > 0 && dueInMs > 0 ? dueInMs : undefined };
  }
}

function isSame(a: Session, b: Session): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.attached === b.attached &&
    a.retiring === b.retiring &&
    a.owner === b.owner &&
    a.panel === b.panel &&
    a.node === b.node &&
    a.checkpointable === b.checkpointable &&
    a.endsAt?.seconds === b.endsAt?.seconds &&
    a.endsAt?.nanos === b.endsAt?.nanos
  );
}

function hasSameCounts(a: Session, b: Session): boolean {
  return a.framesIn === b.framesIn && a.framesOut === b.framesOut && isEqualJson(a.details, b.details);
}

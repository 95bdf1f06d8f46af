import type { Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { sessionInfoOf, type SessionInfo } from './node-views.js';

interface Known {
  readonly info: SessionInfo;
  /** When it was opened, by the clock of the list. */
  readonly sinceMs: number;
}

/** The sessions of a node, put together from what its agent tells of them. */
export class SessionList {
  #known = new Map<string, Known>();

  /** Takes up what has changed. @returns all of them as they are now, oldest first */
  take({ complete, sessions, gone }: WatchSessionsResponse, nowMs: number): readonly SessionInfo[] {
    if (complete) this.#known = new Map();
    for (const session of sessions) this.#enter(session, nowMs);
    for (const id of gone) this.#known.delete(id);
    return [...this.#known.values()]
      .sort((a, b) => a.sinceMs - b.sinceMs)
      .map(({ info, sinceMs }) => ({ ...info, ageMs: nowMs - sinceMs }));
  }

  #enter(session: Session, nowMs: number): void {
    const info = sessionInfoOf(session);
    this.#known.set(info.sessionId, { info, sinceMs: nowMs - info.ageMs });
  }
}

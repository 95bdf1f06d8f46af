import type { Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { durationToMs, msToDuration } from '../time/duration.js';

interface Told {
  readonly session: Session;
  /** When it was opened, by the clock of whoever is told. */
  readonly sinceMs: number;
}

/** Sessions put together from what a watch tells of them: the other end of {@link SessionNews}. */
export class ToldSessions {
  readonly #told = new Map<string, Told>();

  /** Takes up what has changed. */
  take({ complete, sessions, gone }: WatchSessionsResponse, nowMs: number): void {
    if (complete) this.#told.clear();
    for (const session of sessions) {
      this.#told.set(session.sessionId, { session, sinceMs: nowMs - durationToMs(session.age, 0) });
    }
    for (const id of gone) this.#told.delete(id);
  }

  /** As they are now, their ages too; in the order in which they were told first. */
  list(nowMs: number): Session[] {
    return [...this.#told.values()].map(({ session, sinceMs }) => ({ ...session, age: msToDuration(nowMs - sinceMs) }));
  }
}

import { gateNewsMs } from '#common/grpc/gate-news.js';
import { PacedCalls } from '#common/grpc/paced-calls.js';
import { sessionCountsMs, sessionNewsMs } from '#common/grpc/session-news.js';
import type { Clock } from '#common/time/clock.js';
import type { Gate } from '../drain/gate.js';

/** Those who watch their sessions, and those who watch the gate: of one worker. */
export class CallerWatches {
  readonly sessions: PacedCalls;
  readonly gate: PacedCalls;

  constructor(clock: Clock) {
    // Nobody says that a session has counted further.
    this.sessions = new PacedCalls({ clock, restMs: sessionNewsMs, everyMs: sessionCountsMs });
    this.gate = new PacedCalls({ clock, restMs: gateNewsMs });
  }

  /** Looks whenever the gate tells of a change: sessions have come, or ended, or are drained. */
  follow(gate: Pick<Gate, 'listen'>): void {
    gate.listen(() => {
      this.sessions.changed();
      this.gate.changed();
    });
  }

  /** Ends every call. */
  close(): void {
    this.sessions.close();
    this.gate.close();
  }
}

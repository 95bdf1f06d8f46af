import type { Http2Session } from 'node:http2';
import type { Clock, Timer } from '#common/time/clock.js';

/** What a keepalive needs. */
export interface KeepaliveDeps {
  readonly clock: Clock;
  /** Time between pings. */
  readonly intervalMs: number;
  /** Time for an answer; then the connection counts as dead. */
  readonly timeoutMs: number;
  readonly onDead: () => void;
}

/** Pings a connection until it closes, and says so when the peer does not answer in time. */
export function keepAlive(session: Http2Session, deps: KeepaliveDeps): void {
  let timer: Timer | undefined;
  const schedule = (): void => {
    timer = deps.clock.after(deps.intervalMs, probe);
  };
  const probe = (): void => {
    if (session.destroyed || session.closed) return;
    timer = deps.clock.after(deps.timeoutMs, deps.onDead);
    session.ping((error) => {
      timer?.stop();
      if (error === null) schedule();
    });
  };
  session.once('close', () => timer?.stop());
  schedule();
}

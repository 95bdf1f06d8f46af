import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import type { SessionRegistry } from './session-registry.js';
import { startSweeping } from '#common/time/sweep.js';

/** What the sweeper needs. */
export interface DetachSweeperDeps {
  readonly registry: SessionRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a session without a client is kept, in milliseconds. */
  readonly ttlMs: number;
  /** Time counts only while this is true: an agent is there and no drain holds clients off. */
  readonly counts: () => boolean;
  readonly signal: AbortSignal;
}

const longestStepMs = 10_000;

/** Ends sessions whose client has stayed away for their time to live. Runs until the signal aborts. */
export function startDetachSweeper(deps: DetachSweeperDeps): void {
  const { registry, clock, ttlMs, counts, signal } = deps;
  const age = (session: { detachedMs: number }, elapsedMs: number): boolean => {
    session.detachedMs += elapsedMs;
    return session.detachedMs > ttlMs;
  };
  const sweep = (elapsedMs: number): void => {
    for (const driver of registry.live.values()) {
      if (driver.attached || !age(driver, elapsedMs)) continue;
      driver.end({ kind: 'expired', message: 'No client came back in time.' });
    }
    for (const [sessionId, dormant] of registry.dormant) {
      if (!age(dormant, elapsedMs)) continue;
      registry.forget(sessionId).catch((err: unknown) => {
        deps.log.error({ err, sessionId }, 'An expired session could not be removed');
      });
    }
  };
  startSweeping({ clock, counts, signal, limitMs: ttlMs, longestStepMs }, sweep);
}

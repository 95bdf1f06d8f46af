import type { Clock } from '#common/clock.js';
import type { Log } from '#common/log.js';
import { msToDuration } from '#common/duration.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { SessionDriver } from './sessions/session-driver.js';
import type { SessionRegistry } from './sessions/session-registry.js';
import { startSweeping } from './sweep.js';

/** How long sessions may live, in milliseconds; undefined for ever. */
export interface LifeLimits {
  /** Without anything typed or printed. */
  readonly idleMs: number | undefined;
  /** Since they were opened, over every restart. */
  readonly maxAgeMs: number | undefined;
}

/** What the limits of life need. */
export interface LifeLimitDeps {
  readonly registry: Pick<SessionRegistry, 'live' | 'dormant' | 'forget'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: LifeLimits;
  /** Nothing ends, and no silence counts, while this is false: a drain holds clients off. */
  readonly counts: () => boolean;
  readonly signal: AbortSignal;
}

/** A client is told a minute before, or when a quarter of the limit is left. */
const longestWarningMs = 60_000;
const warningShare = 1 / 4;
const longestStepMs = 5_000;
const nowhere = '';

interface Watched {
  bytes: number;
  silentMs: number;
  /** True while the client knows that the end is near. */
  warned: boolean;
}

/** Ends sessions that were silent for too long or are too old, and tells their clients before. Runs until the signal aborts. */
export function startLifeLimits(deps: LifeLimitDeps): void {
  const { limits, clock, counts, signal } = deps;
  const known = [limits.idleMs, limits.maxAgeMs].filter((limit) => limit !== undefined);
  if (known.length === 0) return;
  const watched = new WeakMap<SessionDriver, Watched>();
  startSweeping({ clock, counts, signal, limitMs: Math.min(...known), longestStepMs }, (elapsedMs) => {
    for (const driver of deps.registry.live.values()) look(deps, driver, { watched, elapsedMs });
    endOldOnStorage(deps);
  });
}

interface Looking {
  readonly watched: WeakMap<SessionDriver, Watched>;
  readonly elapsedMs: number;
}

function look(deps: LifeLimitDeps, driver: SessionDriver, { watched, elapsedMs }: Looking): void {
  const { receivedDataBytes, sentDataBytes } = driver.link.endpoint.totals;
  const bytes = receivedDataBytes + sentDataBytes;
  const state = watched.get(driver) ?? { bytes, silentMs: 0, warned: false };
  watched.set(driver, state);
  state.silentMs = state.bytes === bytes ? state.silentMs + elapsedMs : 0;
  state.bytes = bytes;
  const next = nearest(deps, driver.record.createdAt, state.silentMs);
  if (next === undefined) return;
  if (next.leftMs <= 0) driver.end({ kind: 'limit', message: `The session has ended: ${next.reason}.` });
  else if (next.leftMs <= next.warningMs) {
    // Again and again, so that one who attaches in the last minute knows it too.
    driver.tell(notice(DrainPhase.NOTICE, next));
    state.warned = true;
  } else if (state.warned) {
    driver.tell(notice(DrainPhase.CANCELLED, next));
    state.warned = false;
  }
}

interface Limit {
  readonly leftMs: number;
  readonly warningMs: number;
  readonly reason: string;
}

function nearest({ limits, clock }: LifeLimitDeps, createdAt: string, silentMs: number): Limit | undefined {
  const of = (limitMs: number | undefined, usedMs: number, reason: string): readonly Limit[] =>
    limitMs === undefined
      ? []
      : [{ leftMs: limitMs - usedMs, warningMs: Math.min(longestWarningMs, limitMs * warningShare), reason }];
  const ageMs = clock.date().getTime() - Date.parse(createdAt);
  const seconds = (ms: number | undefined): string => `${(ms ?? 0) / 1000} s`;
  const idle = of(limits.idleMs, silentMs, `nothing was typed or printed for ${seconds(limits.idleMs)}`);
  const age = of(limits.maxAgeMs, ageMs, `it may last ${seconds(limits.maxAgeMs)}`);
  return [...idle, ...age].sort((a, b) => a.leftMs - b.leftMs)[0];
}

function notice(phase: DrainPhase, { leftMs, reason }: Limit): Drain {
  const remaining = msToDuration(Math.max(0, leftMs));
  return { generation: 0, phase, remaining, reason, fate: SessionFate.ENDS, node: nowhere, retryAfter: undefined };
}

// Silence of a session on storage is counted as time without a client; its age goes on.
function endOldOnStorage({ registry, limits, clock, log }: LifeLimitDeps): void {
  const { maxAgeMs } = limits;
  if (maxAgeMs === undefined) return;
  for (const [sessionId, { record }] of registry.dormant) {
    if (clock.date().getTime() - Date.parse(record.createdAt) < maxAgeMs) continue;
    registry.forget(sessionId).catch((err: unknown) => {
      log.error({ err, sessionId }, 'A session that is too old could not be removed.');
    });
  }
}

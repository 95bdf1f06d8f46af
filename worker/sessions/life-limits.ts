import type { Clock } from '#common/time/clock.js';
import type { Log } from '#common/log.js';
import { durationToMs, msToDuration } from '#common/time/duration.js';
import { DrainPhase, SessionFate, type Drain } from '#proto/session/v1/session.js';
import type { SessionDriver } from './session-driver.js';
import type { SessionRegistry } from './session-registry.js';
import { startSweeping } from '#common/time/sweep.js';

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
  /** What clients have been told of a drain that is coming; undefined when none is. */
  readonly drainFor: () => Drain | undefined;
  readonly signal: AbortSignal;
}

/** A client is told a minute before, or when a quarter of the limit is left. */
const longestWarningMs = 60_000;
const warningShare = 1 / 4;
const longestStepMs = 5_000;
const nowhere = '';

/**
 * Ends sessions that were silent for too long or are too old. No client’s session ends without its warning, however the clock was set
 * and whatever time has passed in a drain: it lives on for as long as the warning takes. Runs until the signal aborts.
 */
export function startLifeLimits(deps: LifeLimitDeps): void {
  const { limits, clock, signal } = deps;
  const known = [limits.idleMs, limits.maxAgeMs].filter((limit) => limit !== undefined);
  if (known.length === 0) return;
  const watch = new LifeWatch(deps);
  const sweeping = { clock, counts: () => watch.counts(), signal, limitMs: Math.min(...known), longestStepMs };
  startSweeping(sweeping, (elapsedMs) => watch.look(elapsedMs));
}

/** The wall clock says how old something was when it was first seen, and the other one how much older it has become. */
interface Seen {
  readonly atMs: number;
  readonly ageMs: number;
}

interface Watched {
  readonly seen: Seen;
  bytes: number;
  silentMs: number;
  /** What the client knows of the end that is near. */
  told: { readonly limit: Limit; readonly sinceMs: number; readonly pauses: number } | undefined;
}

interface Limit {
  readonly kind: 'idle' | 'age';
  readonly leftMs: number;
  readonly warningMs: number;
  readonly reason: string;
}

class LifeWatch {
  readonly #deps: LifeLimitDeps;
  readonly #watched = new WeakMap<SessionDriver, Watched>();
  readonly #onStorage = new WeakMap<object, Seen>();
  /** Drains that held clients off, and told them other things. */
  #pauses = 0;

  constructor(deps: LifeLimitDeps) {
    this.#deps = deps;
  }

  counts(): boolean {
    const counts = this.#deps.counts();
    if (!counts) this.#pauses++;
    return counts;
  }

  look(elapsedMs: number): void {
    for (const driver of this.#deps.registry.live.values()) this.#lookAt(driver, this.#observe(driver, elapsedMs));
    this.#endOldOnStorage();
  }

  #observe(driver: SessionDriver, elapsedMs: number): Watched {
    const { receivedDataBytes, sentDataBytes } = driver.link.endpoint.totals;
    const bytes = receivedDataBytes + sentDataBytes;
    const known = this.#watched.get(driver);
    if (known === undefined) {
      const found = { seen: this.#see(driver.record.createdAt), bytes, silentMs: 0, told: undefined };
      this.#watched.set(driver, found);
      return found;
    }
    known.silentMs = known.bytes === bytes ? known.silentMs + elapsedMs : 0;
    known.bytes = bytes;
    if (known.told?.pauses !== this.#pauses) known.told = undefined;
    return known;
  }

  #lookAt(driver: SessionDriver, state: Watched): void {
    const near = this.#limitsOf(state)
      .filter(({ leftMs, warningMs }) => leftMs <= warningMs)
      .sort((a, b) => a.leftMs - b.leftMs)[0];
    // A client hears of each phase once until another one follows.
    if (state.told !== undefined && state.told.limit.kind !== near?.kind) this.#callOff(driver, state);
    if (near === undefined) return;
    const nowMs = this.#deps.clock.nowMs();
    const told = state.told ?? { limit: near, sinceMs: nowMs, pauses: this.#pauses };
    const remainingMs = Math.max(near.leftMs, near.warningMs - (nowMs - told.sinceMs));
    if (remainingMs <= 0) driver.end({ kind: 'limit', message: `The session has ended: ${near.reason}.` });
    else if (this.#endsBefore(remainingMs)) state.told = undefined;
    else {
      // Again and again, so that one who attaches in the last minute knows it too.
      driver.tell(notice(DrainPhase.NOTICE, near, remainingMs));
      state.told = told;
    }
  }

  /** True when a drain ends sessions earlier: that is what clients are to count down for. */
  #endsBefore(remainingMs: number): boolean {
    const drain = this.#deps.drainFor();
    return drain?.fate === SessionFate.ENDS && durationToMs(drain.remaining, 0) <= remainingMs;
  }

  #callOff(driver: SessionDriver, state: Watched): void {
    if (state.told !== undefined) driver.tell(notice(DrainPhase.CANCELLED, state.told.limit, 0));
    state.told = undefined;
    // Which is not called off with it.
    const drain = this.#deps.drainFor();
    if (drain !== undefined) driver.tell(drain);
  }

  #limitsOf({ seen, silentMs }: Watched): readonly Limit[] {
    const { idleMs, maxAgeMs } = this.#deps.limits;
    const idle = `nothing was typed or printed for ${(idleMs ?? 0) / 1000} s`;
    const age = `it may last ${(maxAgeMs ?? 0) / 1000} s`;
    return [
      ...limitOf({ kind: 'idle', limitMs: idleMs, usedMs: silentMs, reason: idle }),
      ...limitOf({ kind: 'age', limitMs: maxAgeMs, usedMs: this.#ageOf(seen), reason: age }),
    ];
  }

  // Silence of a session on storage is counted as time without a client; its age goes on. Its client may still come and be warned.
  #endOldOnStorage(): void {
    const { registry, limits, clock, log } = this.#deps;
    const { maxAgeMs } = limits;
    if (maxAgeMs === undefined) return;
    for (const [sessionId, dormant] of registry.dormant) {
      const seen = this.#onStorage.get(dormant) ?? this.#see(dormant.record.createdAt);
      this.#onStorage.set(dormant, seen);
      if (this.#ageOf(seen) < maxAgeMs || clock.nowMs() - seen.atMs < warningOf(maxAgeMs)) continue;
      registry.forget(sessionId).catch((err: unknown) => {
        log.error({ err, sessionId }, 'A session that is too old could not be removed');
      });
    }
  }

  #see(createdAt: string): Seen {
    const { clock } = this.#deps;
    const ageMs = clock.date().getTime() - Date.parse(createdAt);
    // One that was opened in the future, or at no time, is new.
    return { atMs: clock.nowMs(), ageMs: ageMs > 0 ? ageMs : 0 };
  }

  #ageOf({ atMs, ageMs }: Seen): number {
    return ageMs + this.#deps.clock.nowMs() - atMs;
  }
}

interface Used {
  readonly kind: Limit['kind'];
  readonly limitMs: number | undefined;
  readonly usedMs: number;
  readonly reason: string;
}

function limitOf({ kind, limitMs, usedMs, reason }: Used): readonly Limit[] {
  if (limitMs === undefined) return [];
  return [{ kind, leftMs: limitMs - usedMs, warningMs: warningOf(limitMs), reason }];
}

function warningOf(limitMs: number): number {
  return Math.min(longestWarningMs, limitMs * warningShare);
}

function notice(phase: DrainPhase, { reason }: Limit, remainingMs: number): Drain {
  const fate = phase === DrainPhase.CANCELLED ? SessionFate.KEPT : SessionFate.ENDS;
  const remaining = msToDuration(remainingMs);
  return { generation: 0, phase, remaining, reason, fate, node: nowhere, retryAfter: undefined };
}

import type { Clock } from './clock.js';

/** A rate that leaks, with bursts. */
export interface TokenBucket {
  /** Takes one token; false, and nothing taken, when there is none. */
  take(): boolean;
  /** Takes one token, also one that is not there yet: what happened already is counted, and later ones wait for it. */
  charge(): void;
  /** True while a token is there. */
  available(): boolean;
  /** Time until a token is there, in milliseconds; 0 when there is one. */
  waitMs(): number;
  /** True when nothing was taken that has not come back. */
  full(): boolean;
}

/** What a bucket holds. */
export interface TokenBucketOptions {
  readonly clock: Clock;
  /** Most tokens that it holds; it begins with them. */
  readonly burst: number;
  /** Tokens that come back in a second. */
  readonly perSecond: number;
}

/** A full bucket. It keeps no timer. */
export function createTokenBucket({ clock, burst, perSecond }: TokenBucketOptions): TokenBucket {
  let tokens = burst;
  let atMs = clock.nowMs();
  const refill = (): void => {
    const nowMs = clock.nowMs();
    tokens = Math.min(burst, tokens + ((nowMs - atMs) * perSecond) / 1000);
    atMs = nowMs;
  };
  const available = (): boolean => {
    refill();
    return tokens >= 1;
  };
  return {
    available,
    take: () => {
      if (!available()) return false;
      tokens -= 1;
      return true;
    },
    charge: () => {
      refill();
      // A debt of more than a burst would punish for ever.
      tokens = Math.max(-burst, tokens - 1);
    },
    waitMs: () => (available() ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond)),
    full: () => {
      refill();
      return tokens >= burst;
    },
  };
}

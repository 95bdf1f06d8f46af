import type { Clock } from './clock.js';

/** A rate that leaks, with bursts. */
export interface TokenBucket {
  /** Takes tokens when one at least is there, others on credit; false, and nothing taken, when there is none. @default 1 */
  take(count?: number): boolean;
  /** Takes tokens, also such as are not there yet: what happened already is counted, and later ones wait for it. @default 1 */
  charge(count?: number): void;
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
    take: (count = 1) => {
      if (!available()) return false;
      tokens = Math.max(-burst, tokens - count);
      return true;
    },
    charge: (count = 1) => {
      refill();
      // A debt of more than a burst would punish for ever.
      tokens = Math.max(-burst, tokens - count);
    },
    waitMs: () => (available() ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond)),
    full: () => {
      refill();
      return tokens >= burst;
    },
  };
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';

/** Who may come in. Secrets are kept as digests, and are in no message. */
export interface DoorKeys {
  /** A token that is good once, for 60 s. */
  issueToken(): string;
  /** Trades a token for a key; undefined where the token is unknown, used or too old. */
  trade(token: string): string | undefined;
  /** True for a key that was given here. Takes as long for every other one. */
  isKey(key: string): boolean;
}

/** How long a token is good, in milliseconds. */
export const tokenLifeMs = 60_000;

// A person has a few tabs, and presses a key a few times.
const mostTokens = 16;
const mostKeys = 64;
const secretBytes = 32;

interface Held {
  readonly digest: Buffer;
  readonly untilMs: number;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares with all that are held, whichever matches. */
function find(held: readonly Held[], secret: string): Held | undefined {
  const digest = digestOf(secret);
  let found: Held | undefined;
  for (const one of held) if (timingSafeEqual(one.digest, digest)) found = one;
  return found;
}

/** No token and no key. Beyond 16 tokens and 64 keys the oldest are forgotten. */
export function createDoorKeys({ clock, random }: { readonly clock: Clock; readonly random: Random }): DoorKeys {
  let tokens: readonly Held[] = [];
  let keys: readonly Held[] = [];
  const secret = (): string => Buffer.from(random.bytes(secretBytes)).toString('base64url');
  return {
    issueToken: () => {
      const token = secret();
      tokens = [...tokens, { digest: digestOf(token), untilMs: clock.nowMs() + tokenLifeMs }].slice(-mostTokens);
      return token;
    },
    trade: (token) => {
      tokens = tokens.filter(({ untilMs }) => untilMs > clock.nowMs());
      const found = find(tokens, token);
      if (found === undefined) return undefined;
      tokens = tokens.filter((one) => one !== found);
      const key = secret();
      keys = [...keys, { digest: digestOf(key), untilMs: Infinity }].slice(-mostKeys);
      return key;
    },
    isKey: (key) => find(keys, key) !== undefined,
  };
}

import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createTokenBucket, type TokenBucket } from '#common/time/token-bucket.js';

/** How many sessions an owner may have of a panel: live, being opened, and on storage. */
export interface SessionsPerOwner {
  /** Whoever is not named below. */
  readonly default: number;
  /** By owner, as the list of sessions names them. */
  readonly of: Readonly<Record<string, number>>;
}

/** A session that an owner has, as far as it counts. */
export interface OwnedSession {
  readonly sessionId: string;
  /** True while a client is attached. */
  readonly attached: boolean;
  /** Time without a client, in milliseconds. */
  readonly detachedMs: number;
}

/** What one owner may take of a worker. */
export interface OwnerQuota {
  /**
   * Takes one opening of an owner who has these sessions.
   * @throws LIMIT_EXCEEDED when they are as many as he may have, naming some that could be ended; or when he opens too often.
   */
  takeOpening(owner: string, owned: readonly OwnedSession[]): void;
}

/** What a quota needs. */
export interface OwnerQuotaDeps {
  readonly clock: Clock;
  readonly panel: string;
  readonly sessions: SessionsPerOwner;
}

/** An owner may open twice as many at once as he may have, and a quarter of them a second then, but one at least. */
const burstFactor = 2;
const perSecondFactor = 1 / 4;
const named = 5;
const sweepAbove = 1_000;

/** A quota of which nothing is taken. */
export function createOwnerQuota({ clock, panel, sessions }: OwnerQuotaDeps): OwnerQuota {
  const buckets = new Map<string, TokenBucket>();
  const limitOf = (owner: string): number =>
    Object.hasOwn(sessions.of, owner) ? (sessions.of[owner] ?? sessions.default) : sessions.default;
  const bucketOf = (owner: string, limit: number): TokenBucket => {
    const known = buckets.get(owner);
    if (known !== undefined) return known;
    if (buckets.size > sweepAbove) for (const [name, bucket] of buckets) if (bucket.full()) buckets.delete(name);
    const perSecond = Math.max(1, limit * perSecondFactor);
    const bucket = createTokenBucket({ clock, burst: limit * burstFactor, perSecond });
    buckets.set(owner, bucket);
    return bucket;
  };
  return {
    takeOpening: (owner, owned) => {
      const limit = limitOf(owner);
      if (owned.length >= limit) throw new PaneletError('LIMIT_EXCEEDED', fullMessage({ panel, limit, owned }));
      if (bucketOf(owner, limit).take()) return;
      throw new PaneletError('LIMIT_EXCEEDED', `You open sessions of panel ${panel} too often. Wait a few seconds.`);
    },
  };
}

interface Full {
  readonly panel: string;
  readonly limit: number;
  readonly owned: readonly OwnedSession[];
}

function fullMessage({ panel, limit, owned }: Full): string {
  const idle = owned.filter(({ attached }) => !attached).sort((a, b) => b.detachedMs - a.detachedMs);
  const some = idle.slice(0, named).map(({ sessionId }) => sessionId);
  const unused = idle.length === 0 ? '' : ` ${idle.length} have no client, the longest: ${some.join(', ')}.`;
  const said = `You have ${owned.length} sessions of panel ${panel} on this node; ${limit} may be yours.`;
  return `${said}${unused} End one first: panelet end <session>.`;
}

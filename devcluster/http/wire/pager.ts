import type { Clock } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import type { AnyObject } from '../../store/kube-object.js';
import { expired } from '../../store/refusals.js';
import { badRequest } from '../../store/refusals.js';

/** The rest of a list that is fetched in pieces, as it was when the first piece was fetched. */
interface Rest {
  readonly items: readonly AnyObject[];
  readonly resourceVersion: string;
  readonly expiresMs: number;
}

/** One piece of a list. */
export interface Page {
  readonly items: readonly AnyObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Cuts lists into pieces that belong together: all pieces show the same moment. */
export interface Pager {
  first(items: readonly AnyObject[], resourceVersion: string, limit: number): Page;
  /** @throws StatusError Expired when the rest is no longer kept, BadRequest for a token that is none. */
  next(token: string, limit: number): Page;
}

// The real server compacts its history after five minutes.
const keepMs = 5 * 60 * 1000;
const maxRests = 200;

/** A pager that keeps the rest of a list for five minutes. */
export function createPager(clock: Clock, random: Random): Pager {
  const rests = new Map<string, Rest>();
  const page = (items: readonly AnyObject[], resourceVersion: string, limit: number): Page => {
    if (limit === 0 || items.length <= limit) return { items, resourceVersion };
    const token = Buffer.from(JSON.stringify({ v: 1, id: random.uuid() })).toString('base64url');
    const [oldest] = rests.keys();
    if (rests.size >= maxRests && oldest !== undefined) rests.delete(oldest);
    rests.set(token, { items: items.slice(limit), resourceVersion, expiresMs: clock.nowMs() + keepMs });
    return { items: items.slice(0, limit), resourceVersion, continue: token, remainingItemCount: items.length - limit };
  };
  return {
    first: page,
    next: (token, limit) => {
      const rest = rests.get(token);
      if (rest === undefined && !/^[\w-]{10,}$/.test(token)) throw badRequest('continue key is not valid');
      if (rest === undefined || rest.expiresMs < clock.nowMs()) {
        throw expired(
          'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
        );
      }
      return page(rest.items, rest.resourceVersion, limit);
    },
  };
}

import type { Authority } from './authority.js';

/** Everything that is known of the authority; what is not there does not exist yet or any more. */
export interface CaRecord {
  /** Signs. */
  readonly active?: Authority;
  /** Is going to sign; told to everybody first. */
  readonly next?: Authority;
  /** Signed before; what it signed is still good. PEM. */
  readonly previous?: string;
  /** Since when the bundle has been out with `next` in it, milliseconds since the epoch. */
  readonly publishedMs?: number;
  /** Since when `active` signs in the place of `previous`, milliseconds since the epoch. */
  readonly switchedMs?: number;
  /** Value that asks for a rotation, and the one that was taken up last. */
  readonly asked?: string;
  readonly observed?: string;
}

/** How long things last, in milliseconds. */
export interface CaTimes {
  /** Life of an authority. */
  readonly authorityMs: number;
  /** A rotation begins by itself when less than this of the life is left. */
  readonly renewBeforeMs: number;
  /** The next authority is trusted by everybody for at least this long before it signs. */
  readonly publishMs: number;
  /** The previous one stays trusted for this long: longer than anything it signed is good. */
  readonly keepPreviousMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** No certificate but an authority's is good for longer, in milliseconds. */
export const maxLeafMs = dayMs;

/** Ten years, a rotation in the last two of them; an hour to hear of the next one; a day and an hour for the previous one. */
export const defaultCaTimes: CaTimes = {
  authorityMs: 3650 * dayMs,
  renewBeforeMs: 730 * dayMs,
  publishMs: hourMs,
  keepPreviousMs: maxLeafMs + hourMs,
};

/** What to do next. */
export type CaStep =
  /** Make the first one, or one in the place of one that has expired. */
  | { readonly kind: 'create' }
  /** Make the next one and put it into the bundle. */
  | { readonly kind: 'announce'; readonly why: 'asked' | 'expires' }
  /** Write down that the bundle is out. */
  | { readonly kind: 'publish' }
  /** Let the next one sign. */
  | { readonly kind: 'switch' }
  /** Trust the previous one no more. */
  | { readonly kind: 'retire' }
  /** Nothing until then, milliseconds since the epoch. */
  | { readonly kind: 'keep'; readonly untilMs: number };

/**
 * The life of the authority: none → active → next announced → published → switched → previous retired. Decided from the
 * record alone, so that any controller can go on at any point. The bundle is brought in line with the record before each
 * step: `publish` therefore means that it is out.
 */
export function planCa(record: CaRecord, nowMs: number, times: CaTimes): CaStep {
  const { active, next, previous, publishedMs, switchedMs = 0 } = record;
  if (active === undefined || nowMs >= active.notAfterMs) {
    // Nobody is served by waiting when nothing can be signed meanwhile.
    return next === undefined || nowMs >= next.notAfterMs ? { kind: 'create' } : { kind: 'switch' };
  }
  if (previous !== undefined) {
    const untilMs = switchedMs + times.keepPreviousMs;
    return nowMs >= untilMs ? { kind: 'retire' } : { kind: 'keep', untilMs };
  }
  if (next !== undefined) {
    if (publishedMs === undefined) return { kind: 'publish' };
    const untilMs = Math.min(publishedMs + times.publishMs, active.notAfterMs);
    return nowMs >= untilMs ? { kind: 'switch' } : { kind: 'keep', untilMs };
  }
  if (isAsked(record)) return { kind: 'announce', why: 'asked' };
  const renewAtMs = active.notAfterMs - times.renewBeforeMs;
  return nowMs >= renewAtMs ? { kind: 'announce', why: 'expires' } : { kind: 'keep', untilMs: renewAtMs };
}

function isAsked({ asked, observed }: CaRecord): boolean {
  return asked !== undefined && asked !== '' && asked !== observed;
}

/** Everything that is to be trusted, as PEM; the one that signs comes first. */
export function bundleOf({ active, next, previous }: CaRecord): string {
  const parts = [active?.certificate, next?.certificate, previous].filter((part) => part !== undefined);
  return [...new Set(parts.map((part) => `${part.trim()}\n`))].join('');
}

import type { UidRange } from './uid-range.js';

/** What to do next to find the uid of an owner. */
export type UidSearchStep =
  /** This uid is the owner's already. */
  | { readonly kind: 'found'; readonly uid: number }
  /** Nobody has this one: claim it, and ask again if somebody was faster. */
  | { readonly kind: 'claim'; readonly uid: number }
  /** The uid that the identity is mapped to belongs to somebody else. */
  | { readonly kind: 'taken'; readonly uid: number }
  /** All are given. */
  | { readonly kind: 'exhausted' };

/**
 * Says where an owner's uid is, given who has which. Everybody walks the range from its start, and claims are never
 * taken back, so that two who look for the same owner end at the same uid, whoever claims it.
 * @param holderOf the owner a uid was given to; undefined for nobody
 */
export function searchUid(
  range: UidRange,
  owner: string,
  holderOf: (uid: number) => string | undefined,
): UidSearchStep {
  if (Object.hasOwn(range.identities, owner)) return searchMapped(range.identities[owner] ?? 0, owner, holderOf);
  for (let uid = range.first; uid < range.first + range.count; uid++) {
    const holder = holderOf(uid);
    if (holder === owner) return { kind: 'found', uid };
    if (holder === undefined) return { kind: 'claim', uid };
  }
  return { kind: 'exhausted' };
}

function searchMapped(uid: number, owner: string, holderOf: (uid: number) => string | undefined): UidSearchStep {
  const holder = holderOf(uid);
  if (holder === undefined) return { kind: 'claim', uid };
  return { kind: holder === owner ? 'found' : 'taken', uid };
}

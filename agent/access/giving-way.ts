import type { Random } from '#common/random.js';

/** A line, as far as it matters here. */
export interface CrowdedLine {
  readonly keys: readonly string[];
  readonly proven: boolean;
}

/** A group, as far as it matters here. */
export interface CrowdedGroup<L> {
  /** Places in its lines. */
  readonly places: number;
  readonly lines: Iterable<L>;
}

/** What else matters for who gives way. */
export interface GivingWay<L> {
  /** Whose question came last: among equals, somebody else gives way. */
  readonly newcomer: L & { readonly group: CrowdedGroup<L> };
  readonly random: Random;
}

/**
 * The line that has to give a place up when there are too many: the longest one in the group with the most places. Among equals
 * strangers before those that have proven something, then one at random: were it the newest or the oldest, one flood
 * of newcomers would push out everybody else.
 */
export function whoGivesWay<L extends CrowdedLine>(
  groups: Iterable<CrowdedGroup<L>>,
  { newcomer, random }: GivingWay<L>,
): L {
  const crowded = most([...groups], ({ places }) => places);
  const group = anyOther(crowded, newcomer.group, random);
  const longest = most([...group.lines], ({ keys }) => keys.length);
  const strangers = longest.filter((line) => !line.proven && line !== newcomer);
  return anyOther<L>(strangers.length > 0 ? strangers : longest, newcomer, random);
}

function most<T>(all: readonly T[], size: (one: T) => number): readonly T[] {
  const sizes = all.map(size);
  const largest = Math.max(...sizes);
  return all.filter((_one, index) => sizes[index] === largest);
}

function anyOther<T>(all: readonly T[], but: T, random: Random): T {
  const others = all.filter((one) => one !== but);
  return others[Math.floor(random.number() * others.length)] ?? but;
}

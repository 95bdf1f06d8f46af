import { mostFollowed } from '../wire/limits.js';

/** How long a node is followed after nobody shows it any more, in milliseconds. */
export const lingerMs = 30_000;

/** What becomes of the ways to nodes. */
export interface WaysPlan {
  readonly open: readonly string[];
  readonly close: readonly string[];
  /** When each node that is followed then was shown last. */
  readonly shownAtMs: ReadonlyMap<string, number>;
}

/** Of what several pages want, in their order, as many as there are ways: the first of each page, then the second, and so on. */
export function chooseShown(pages: readonly (readonly string[])[]): readonly string[] {
  const deepest = Math.max(0, ...pages.map((nodes) => nodes.length));
  const inTurn = Array.from({ length: deepest }, (_, at) => pages.flatMap((nodes) => nodes.slice(at, at + 1)));
  return [...new Set(inTurn.flat())].slice(0, mostFollowed);
}

/**
 * Opens ways to the nodes that are shown, over those which were shown least recently; closes what was not shown for 30 s.
 * @param followed when each node that is followed was shown last
 */
export function planWays(followed: ReadonlyMap<string, number>, shown: readonly string[], nowMs: number): WaysPlan {
  const open = shown.filter((node) => !followed.has(node));
  const idle = [...followed]
    .filter(([node]) => !shown.includes(node))
    .filter(([, shownAtMs]) => nowMs - shownAtMs < lingerMs)
    .sort(([, left], [, right]) => right - left)
    .slice(0, mostFollowed - shown.length);
  const shownAtMs = new Map([...idle, ...shown.map((node): readonly [string, number] => [node, nowMs])]);
  const close = [...followed.keys()].filter((node) => !shownAtMs.has(node));
  return { open, close, shownAtMs };
}

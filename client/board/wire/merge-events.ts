import type { BoardEvent } from './live.js';

/** Events that a board keeps, and a page. */
export const mostEvents = 200;

/** Those of both, of one uid the later one, newest first; at most {@link mostEvents}. */
export function mergeEvents(known: readonly BoardEvent[], more: readonly BoardEvent[]): readonly BoardEvent[] {
  const byUid = new Map([...known, ...more].map((event) => [event.uid, event]));
  return [...byUid.values()].sort(compare).slice(0, mostEvents);
}

/** Newest first; of one moment in the order of their uids. */
function compare(left: BoardEvent, right: BoardEvent): number {
  if (left.at !== right.at) return left.at < right.at ? 1 : -1;
  return left.uid < right.uid ? -1 : 1;
}

import type { Clock, Timer } from '#common/time/clock.js';
import type { LiveMessage } from '../wire/live.js';
import type { BoardState } from './board-state.js';
import { PageChanges } from './page-changes.js';

/** A page, as far as telling it goes. */
export interface FeedPage {
  send(message: LiveMessage): void;
  /** What was sent and has not left this process, in bytes. */
  readonly backlogBytes: number;
}

/** Tells a page what changes. */
export interface PageFeed {
  /** Nodes that the page shows now. */
  show(nodes: readonly string[]): void;
  stop(): void;
}

const spacingMs = 100;
/** Beyond that nothing is sent: the page does not read as fast. */
const mostBacklogBytes = 256 * 1024;

/** Starts with everything there is. Then at most ten times a second, and only as the page reads. */
export function startPageFeed(state: BoardState, page: FeedPage, clock: Clock): PageFeed {
  const changes = new PageChanges(state);
  let timer: Timer | undefined;
  const flush = (): void => {
    timer = undefined;
    while (page.backlogBytes <= mostBacklogBytes) {
      const message = changes.next();
      if (message === undefined) return;
      page.send(message);
      // Before the next flush, however small what changes is.
      timer ??= clock.after(spacingMs, flush);
    }
    timer ??= clock.after(spacingMs, flush);
  };
  const wake = (): void => {
    if (changes.isDue) timer ??= clock.after(0, flush);
  };
  const unsubscribe = state.subscribe((change) => {
    changes.note(change);
    wake();
  });
  flush();
  return {
    show: (nodes) => {
      changes.show(nodes);
      wake();
    },
    stop: () => {
      unsubscribe();
      timer?.stop();
    },
  };
}

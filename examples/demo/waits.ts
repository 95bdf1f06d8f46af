import type { Clock } from '#common/time/clock.js';
import type { PaneletSession } from '#client/sdk.js';
import { formatMs } from '#test/support/text-table.js';

/** Which sessions have no connection or are held for a drain, and since when. */
export interface Waits {
  /** Watches a session of a node. @returns for how long it has been waiting by now, in milliseconds, or undefined. */
  watch(node: string, session: Pick<PaneletSession, 'on'>): () => number | undefined;
  /** Who waits now, for example `2 sessions of node-a wait, 1.2 s`, or that none does. */
  summary(): string;
}

interface Group {
  readonly sinceMs: Map<object, number>;
  /** How long those waited that go on again. */
  readonly tookMs: number[];
}

const sessionsOf = (count: number): string => (count === 1 ? '1 session' : `${count} sessions`);

/** Waits of a demo's sessions; `tell` hears when the last of a node's that waited goes on. */
export function createWaits(clock: Clock, tell: (line: string) => void): Waits {
  const groups = new Map<string, Group>();
  const groupOf = (node: string): Group => {
    const group = groups.get(node) ?? { sinceMs: new Map<object, number>(), tookMs: [] };
    groups.set(node, group);
    return group;
  };
  const goOn = (node: string, session: object): void => {
    const { sinceMs, tookMs } = groupOf(node);
    const since = sinceMs.get(session);
    if (since === undefined) return;
    sinceMs.delete(session);
    tookMs.push(clock.nowMs() - since);
    if (sinceMs.size > 0) return;
    const took = tookMs.splice(0);
    const times = [...new Set([Math.min(...took), Math.max(...took)].map(formatMs))].join(' to ');
    tell(`${node}: ${sessionsOf(took.length)} ${took.length === 1 ? 'goes' : 'go'} on, after ${times}`);
  };
  return {
    watch: (node, session) => {
      const { sinceMs } = groupOf(node);
      const wait = (): void => {
        if (!sinceMs.has(session)) sinceMs.set(session, clock.nowMs());
      };
      session.on('frozen', wait);
      session.on('reattaching', wait);
      session.on('resumed', () => goOn(node, session));
      session.on('notice', ({ phase }) => {
        if (phase === 'cancelled') goOn(node, session);
      });
      return () => {
        const since = sinceMs.get(session);
        return since === undefined ? undefined : clock.nowMs() - since;
      };
    },
    summary: () => {
      const waiting = [...groups].filter(([, { sinceMs }]) => sinceMs.size > 0);
      const parts = waiting.map(([node, { sinceMs }]) => {
        const longest = clock.nowMs() - Math.min(...sinceMs.values());
        return `${sessionsOf(sinceMs.size)} of ${node} ${sinceMs.size === 1 ? 'waits' : 'wait'}, ${formatMs(longest)}`;
      });
      return parts.length === 0 ? 'still at it, no session waits' : parts.join('; ');
    },
  };
}

import type { PaneletClient } from '#client/sdk.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { linkSignals } from '#common/time/deadline.js';
import { createSeededRandom } from '#common/random.js';
import { waitFor } from '#test/support/wait-for.js';
import type { SessionKind } from './fault-kinds.js';
import type { SessionRecord } from './history.js';
import { openLiveSession, type LiveSession } from './live-session.js';
import type { Timeline } from './timeline.js';

/** Keeps every node busy: a session that was lost, or has lived its life, is followed by another. */
export interface SessionKeeper {
  /** Sessions that are over. */
  readonly records: readonly SessionRecord[];
  /** Sessions that are open now. */
  open(): number;
  /** Resolves when every place has a session. */
  full(limitMs: number): Promise<void>;
  /** Does something while a node has no shells. */
  withoutShells(node: string, act: () => Promise<void>): Promise<void>;
  /** Finishes all and judges them. */
  stop(): Promise<readonly SessionRecord[]>;
}

/** What a keeper is made of. */
export interface SessionKeeperOptions {
  /** A client for each node. */
  readonly clients: ReadonlyMap<string, PaneletClient>;
  readonly perNode: Readonly<Record<SessionKind, number>>;
  readonly seed: number;
  readonly clock: Clock;
  readonly timeline: Timeline;
}

interface Place {
  readonly kind: SessionKind;
  readonly node: string;
  readonly client: PaneletClient;
  readonly number: number;
}

const retryMs = 1_000;
// Half of the sessions live through everything; the others make room for new ones meanwhile.
const shortestLifeMs = 60_000;
const longestLifeMs = 240_000;

/** Begins at once. */
export function startSessionKeeper(options: SessionKeeperOptions): SessionKeeper {
  const { clients, perNode, clock, timeline, seed } = options;
  const random = createSeededRandom(seed ^ 0x2545f491);
  const records: SessionRecord[] = [];
  const open = new Map<Place, LiveSession>();
  const stopping = new AbortController();
  const refusals = new Map<Place, string>();
  const closedTo = new Set<string>();
  let opened = 0;

  const places: Place[] = [...clients].flatMap(([node, client]) =>
    (['echo', 'terminal'] as const).flatMap((kind) =>
      Array.from({ length: perNode[kind] }, (_, number) => ({ kind, node, client, number })),
    ),
  );
  const isClosed = ({ kind, node }: Place): boolean => kind === 'terminal' && closedTo.has(node);
  const pause = (limitMs: number, signal = stopping.signal): Promise<void> =>
    sleep(clock, limitMs, signal).catch(() => undefined);

  const start = async (place: Place): Promise<LiveSession | undefined> => {
    opened += 1;
    const id = `${opened}`;
    try {
      return await openLiveSession({ ...place, id, seed: seed + opened, clock, timeline });
    } catch (error) {
      refusals.set(place, String(error));
      await pause(retryMs);
      return undefined;
    }
  };
  const untilClosed = async (place: Place, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !isClosed(place)) await pause(200, signal);
  };
  /** Until the session is lost, or it is time to finish it. */
  const live = async (place: Place, session: LiveSession): Promise<void> => {
    const lifeMs = shortestLifeMs + random.number() * (longestLifeMs - shortestLifeMs);
    const over = new AbortController();
    const { signal, unlink } = linkSignals([over.signal, stopping.signal]);
    const ends = [session.lost, untilClosed(place, signal)];
    if (place.kind === 'echo' && place.number % 2 === 1) ends.push(pause(lifeMs, signal));
    await Promise.race(ends);
    over.abort(new Error('over'));
    unlink();
  };
  const keep = async (place: Place): Promise<void> => {
    while (!stopping.signal.aborted) {
      if (isClosed(place)) {
        await pause(200);
        continue;
      }
      const session = await start(place);
      if (session === undefined) continue;
      open.set(place, session);
      await live(place, session);
      records.push(await session.finish());
      open.delete(place);
    }
  };
  const keeping = places.map((place) => keep(place));
  return {
    records,
    open: () => open.size,
    full: async (limitMs) => {
      const isFull = (): boolean => open.size === places.length;
      try {
        await waitFor('a session in every place', isFull, limitMs);
      } catch (error) {
        const missing = places.filter((place) => !open.has(place));
        const reasons = missing.map(
          (place) => `${place.kind} on ${place.node}: ${refusals.get(place) ?? 'in between'}`,
        );
        throw new Error(`${(error as Error).message} ${reasons.join('; ')}`, { cause: error });
      }
    },
    withoutShells: async (node, act) => {
      closedTo.add(node);
      try {
        const shells = (): Place[] => [...open.keys()].filter((place) => place.node === node && isClosed(place));
        while (shells().length > 0) await pause(200);
        await act();
      } finally {
        closedTo.delete(node);
      }
    },
    stop: async () => {
      stopping.abort(new Error('The run is over.'));
      await Promise.all(keeping);
      return records;
    },
  };
}

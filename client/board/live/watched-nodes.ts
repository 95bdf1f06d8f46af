import { createBackoff } from '#common/time/backoff.js';
import { linkSignals } from '#common/time/deadline.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, messageOf } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { GateClient } from '../../calls/gate-client.js';
import type { NodeWay, NodeWays } from '../ways/node-ways.js';
import type { NodeSource } from './node-source.js';
import { NodeNews, type NodeFacts, type NewsSource } from './node-news.js';

/** What nodes are watched with. */
export interface WatchedNodesDeps {
  readonly ways: NodeWays;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Panels cannot be watched: how often they are asked for, in milliseconds. */
const panelsEveryMs = 5_000;
/** Who may see gates may change: how often whoever may not tries again, in milliseconds. */
const gateAgainMs = 60_000;
const retry = { initialMs: 1_000, maxMs: 10_000 };

/** Watches the gate and the sessions of each node that is followed, and asks for its panels every 5 s. */
export function createWatchedNodes({ ways, clock, random, signal }: WatchedNodesDeps): NodeSource {
  return {
    follow: (node, tell) => {
      const stop = new AbortController();
      const linked = linkSignals([signal, stop.signal]);
      const way = ways.take(node);
      const news = new NodeNews(node, clock, (view) => {
        if (!linked.signal.aborted) tell(view);
      });
      const deps = { clock, random, signal: linked.signal };
      const fail = async (source: NewsSource, error: unknown): Promise<void> =>
        news.fail(source, messageOf(await way.explain(error)));
      const panels = again(deps, async () => {
        try {
          news.know({ panels: (await way.client.listPanels()).panels });
        } catch (error) {
          await fail('panels', error);
          throw error;
        }
        return panelsEveryMs;
      });
      // Tokens end, too: a new one is tried before anything is said.
      const failing = new Set<NewsSource>();
      const failAgain = async (source: NewsSource, error: unknown): Promise<void> => {
        if (failing.has(source)) await fail(source, error);
        failing.add(source);
      };
      const streams = again(deps, (heard) =>
        watchOnce(way, deps, {
          know: (known) => {
            for (const source of Object.keys(known) as NewsSource[]) failing.delete(source);
            if (failing.size === 0) heard();
            news.know(known);
          },
          fail: failAgain,
        }),
      );
      void Promise.all([panels, streams]).then(() => {
        way.release();
        linked.unlink();
      });
      return () => stop.abort(new Error('Nobody looks at it.'));
    },
  };
}

interface LoopDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Who is told what the streams of a node tell. */
interface StreamSink {
  know(known: Pick<NodeFacts, 'gate' | 'sessions'>): void;
  fail(source: NewsSource, error: unknown): Promise<void>;
}

/**
 * Does it again and again until the signal aborts: after the time that it returns, and later and later while it throws.
 * @param run calls `heard` once it gets on: if it throws then, it is for another reason
 */
async function again({ clock, random, signal }: LoopDeps, run: (heard: () => void) => Promise<number>): Promise<void> {
  const backoff = createBackoff(random, retry);
  while (!signal.aborted) {
    let restMs: number;
    try {
      restMs = await run(() => backoff.reset());
      backoff.reset();
    } catch {
      restMs = backoff.nextMs();
    }
    await sleep(clock, restMs, signal).catch(() => undefined);
  }
}

/** Watches by a new client, with a token that is good, until the signal aborts. @throws what ends one of the streams, which is told */
async function watchOnce(way: NodeWay, deps: LoopDeps, sink: StreamSink): Promise<number> {
  let gate: GateClient;
  try {
    gate = await way.gate();
  } catch (error) {
    await sink.fail('sessions', error);
    throw error;
  }
  const failed = new AbortController();
  const both = linkSignals([deps.signal, failed.signal]);
  const follow = async (source: NewsSource, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      if (!both.signal.aborted) await sink.fail(source, error);
      failed.abort(error);
    }
  };
  const options = { signal: both.signal };
  const sessions = async (): Promise<void> => {
    for await (const now of gate.watchSessions(options)) sink.know({ sessions: now });
  };
  await Promise.all([
    follow('sessions', sessions),
    follow('gate', () => watchGate(gate, { ...deps, ...options }, sink)),
  ]);
  both.unlink();
  gate.close();
  failed.signal.throwIfAborted();
  return 0;
}

/** The gate until the signal aborts, and again after a minute where the user may not see it. @throws what else ends it */
async function watchGate(gate: GateClient, { clock, signal }: LoopDeps, sink: StreamSink): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const now of gate.watch({ signal })) sink.know({ gate: now });
    } catch (error) {
      if (!isPaneletError(error, 'IDENTITY_REFUSED')) throw error;
      sink.know({ gate: null });
      await sleep(clock, gateAgainMs, signal).catch(() => undefined);
    }
  }
}

import { createBackoff } from '#common/time/backoff.js';
import { linkSignals } from '#common/time/deadline.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { isPaneletError, messageOf } from '#common/errors/errors.js';
import type { Random } from '#common/random.js';
import type { GateStatus } from '#proto/gate/v1/gate.js';
import type { GateClient } from '../../calls/gate-client.js';
import type { NodeWay, NodeWays } from '../ways/node-ways.js';
import type { BoardNode } from '../wire/live.js';
import type { NodeSource } from './node-source.js';
import { nodeView, silentNode } from './node-view.js';

/** What nodes are asked with. */
export interface PolledNodesDeps {
  readonly ways: NodeWays;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const intervalMs = 1_000;
const retry = { initialMs: 1_000, maxMs: 10_000 };
/** Tokens are good for an hour, and who may see gates may change. */
const gateLifeMs = 60_000;

/** The gate of a node, as far as the user may see it. */
class SeenGate {
  readonly #way: NodeWay;
  readonly #clock: Clock;
  #client: GateClient | undefined;
  #sinceMs = -Infinity;
  #isRefused = false;

  constructor(way: NodeWay, clock: Clock) {
    this.#way = way;
    this.#clock = clock;
  }

  /** @returns undefined for those who may not see it */
  async status(): Promise<GateStatus | undefined> {
    if (this.#clock.nowMs() - this.#sinceMs > gateLifeMs) this.close();
    if (this.#isRefused) return undefined;
    try {
      this.#client ??= await this.#way.gate();
      if (this.#sinceMs === -Infinity) this.#sinceMs = this.#clock.nowMs();
      return await this.#client.status();
    } catch (error) {
      const isRefused = isPaneletError(error, 'IDENTITY_REFUSED');
      this.close();
      if (!isRefused) throw error;
      this.#isRefused = true;
      this.#sinceMs = this.#clock.nowMs();
      return undefined;
    }
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#isRefused = false;
    this.#sinceMs = -Infinity;
  }
}

/** Asks the agent of each node that is followed once a second, later and later while it does not answer. */
export function createPolledNodes({ ways, clock, random, signal }: PolledNodesDeps): NodeSource {
  return {
    follow: (node, tell) => {
      const stop = new AbortController();
      const linked = linkSignals([signal, stop.signal]);
      const way = ways.take(node);
      const gate = new SeenGate(way, clock);
      const tellNode = (view: BoardNode): void => {
        if (!linked.signal.aborted) tell(view);
      };
      const ask = async (): Promise<void> => {
        const [panels, sessions, status] = await Promise.all([
          way.client.listPanels(),
          way.client.listSessions(),
          gate.status(),
        ]);
        tellNode(nodeView(node, { panels: panels.panels, sessions, gate: status }));
      };
      const run = async (): Promise<void> => {
        const backoff = createBackoff(random, retry);
        while (!linked.signal.aborted) {
          let restMs = intervalMs;
          try {
            await ask();
            backoff.reset();
          } catch (error) {
            tellNode(silentNode(node, messageOf(await way.explain(error))));
            restMs += backoff.nextMs();
          }
          await sleep(clock, restMs, linked.signal).catch(() => undefined);
        }
        gate.close();
        way.release();
        linked.unlink();
      };
      void run();
      return () => stop.abort(new Error('Nobody looks at it.'));
    },
  };
}

import type { Clock, Timer } from '#common/time/clock.js';
import type { BoardState } from './board-state.js';
import type { NodeSource } from './node-source.js';
import { chooseShown, planWays } from './plan-ways.js';

/** Follows the nodes that pages show, over at most 8 ways for all pages. */
export class ShownNodes {
  readonly #state: BoardState;
  readonly #source: NodeSource;
  readonly #clock: Clock;
  readonly #pages = new Map<object, readonly string[]>();
  readonly #stops = new Map<string, () => void>();
  #shownAtMs: ReadonlyMap<string, number> = new Map();
  #timer: Timer | undefined;

  constructor({ state, source, clock }: { state: BoardState; source: NodeSource; clock: Clock }) {
    this.#state = state;
    this.#source = source;
    this.#clock = clock;
  }

  /** @param nodes those that the page shows, the most wanted first; none when it has gone */
  show(page: object, nodes: readonly string[]): void {
    if (nodes.length === 0) this.#pages.delete(page);
    else this.#pages.set(page, nodes);
    this.#plan();
  }

  /** Follows nothing any more. */
  stop(): void {
    this.#pages.clear();
    this.#timer?.stop();
    for (const node of [...this.#stops.keys()]) this.#close(node);
  }

  #plan(): void {
    const shown = chooseShown([...this.#pages.values()]);
    const { open, close, shownAtMs } = planWays(this.#shownAtMs, shown, this.#clock.nowMs());
    this.#shownAtMs = shownAtMs;
    for (const node of close) this.#close(node);
    for (const node of open)
      this.#stops.set(
        node,
        this.#source.follow(node, (view) => this.#state.setNode(view)),
      );
    this.#timer?.stop();
    // What is shown now becomes older from here on; what is not, goes.
    if (shownAtMs.size > 0) this.#timer = this.#clock.after(1_000, () => this.#plan());
  }

  #close(node: string): void {
    this.#stops.get(node)?.();
    this.#stops.delete(node);
    this.#state.forgetNode(node);
  }
}

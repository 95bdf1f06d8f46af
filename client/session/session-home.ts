import type { PaneletError } from '#common/errors/errors.js';
import { answeringNodeOf, reasonOf, type RpcStatus } from '#common/grpc/grpc-status.js';
import type { Random } from '#common/random.js';
import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { ChannelLease } from '../connect/channel-pool.js';
import { answeredElsewhere, createHomeSearch, searchSpacing } from '../connect/home-search.js';

/** The node that one session lives on, and the search for it while agents of other nodes answer. */
export class SessionHome {
  readonly #search = createHomeSearch();
  readonly #spacing: Backoff;
  #node: string;

  /** @param node that the session is known to live on; `''` when not known */
  constructor(node: string, random: Random) {
    this.#node = node;
    this.#spacing = createBackoff(random, searchSpacing);
  }

  /** The node, as far as it is known; else `''`. */
  get node(): string {
    return this.#node;
  }

  /** A peer has named the node; `''` names none. */
  learn(node: string): void {
    if (node !== '') this.#node = node;
  }

  /** The session has answered: the next search starts with short delays. */
  found(node: string): void {
    this.learn(node);
    this.#spacing.reset();
  }

  /**
   * What a status says by which the agent of another node has answered; undefined for every other. The next attempt gets another
   * connection.
   */
  answeredElsewhere(rpc: RpcStatus, lease: ChannelLease): PaneletError | undefined {
    const reason = reasonOf(rpc.metadata);
    if (reason !== 'SESSION_UNKNOWN' && reason !== 'PANEL_UNKNOWN') return undefined;
    return answeredElsewhere(this.#search, lease, { answering: answeringNodeOf(rpc.metadata), home: this.#node });
  }

  /** Delay before the next agent is asked, in milliseconds. */
  nextMs(): number {
    return this.#spacing.nextMs();
  }
}

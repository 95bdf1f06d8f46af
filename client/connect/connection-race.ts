import { connectivityState } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { asError, messageOf } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import type { AddressBook, NodeAddress } from './address-book.js';
import type { ChannelLease, ChannelPool } from './channel-pool.js';
import type { AddressQuery } from './client-options.js';
import { refusalOf } from './refusal.js';
import { unreachableError, type FailedAddress } from './unreachable-error.js';

/** What dialling needs. */
export interface DialOptions {
  readonly pool: ChannelPool;
  readonly clock: Clock;
  readonly book: AddressBook;
  /** What the book is asked, again with rising numbers of attempts while nobody answers: the agent may have moved. */
  readonly query: AddressQuery;
  /** Time for a connection, over all addresses, in milliseconds. */
  readonly limitMs: number;
  /** Aborts when nobody waits for the connection any more. @default never */
  readonly signal?: AbortSignal;
}

/** One connection on its way. */
interface Runner {
  readonly lease: ChannelLease;
  isRefused: boolean;
}

// RFC 8305, 5: an address gets this much of a start before the next one is tried beside it.
const headStartMs = 250;
// The book may have to ask a whole cluster.
const askAgainMs = 1000;
// When TCP sends its first segment again, and then at twice the time each: what is sent again goes where the first one went, and where
// that is a pod that has gone, only another connection to the same address finds the one that took its place.
const afreshMs = 1000;

/**
 * Connections to several addresses, of which the first that is there wins; the others are given back. None is given up before, so that
 * one that is only slow is reached.
 */
export class ConnectionRace {
  readonly #deps: DialOptions;
  readonly #won = createLatch<ChannelLease>();
  readonly #runners: Runner[] = [];
  /** Addresses that were taken up, with the node they lead to. */
  readonly #known = new Set<string>();
  /** Addresses whose turn is still to come. */
  readonly #waiting: NodeAddress[] = [];
  /** Addresses that are none. */
  readonly #wrong: FailedAddress[] = [];
  readonly #timers = new Set<Timer>();
  #turn: Timer | undefined;
  #asked = 0;

  constructor(deps: DialOptions) {
    this.#deps = deps;
  }

  /**
   * Runs the race, from these addresses on.
   * @throws CONFIG_INVALID when the first is no address; as `dial`
   */
  async run([first, ...others]: readonly [NodeAddress, ...NodeAddress[]]): Promise<ChannelLease> {
    const { limitMs, signal } = this.#deps;
    const leave = (): void => this.#won.reject(asError(signal?.reason));
    signal?.addEventListener('abort', leave, { once: true });
    let winner: ChannelLease | undefined;
    try {
      this.#after(limitMs, () => void this.#fail());
      this.#known.add(peerOf(first));
      this.#takeUp(others);
      this.#nextAfter(headStartMs);
      this.#start(first);
      winner = await this.#won.promise;
      return winner;
    } finally {
      signal?.removeEventListener('abort', leave);
      this.#turn?.stop();
      for (const timer of this.#timers) timer.stop();
      for (const { lease } of this.#runners) if (lease !== winner) giveUp(lease);
    }
  }

  /** Puts those that are new into the row. @returns whether any was */
  #takeUp(places: readonly NodeAddress[]): boolean {
    const fresh = places.filter((place) => !this.#known.has(peerOf(place)));
    for (const place of fresh) this.#known.add(peerOf(place));
    this.#waiting.push(...fresh);
    return fresh.length > 0;
  }

  #nextAfter(delayMs: number): void {
    this.#turn?.stop();
    if (!this.#won.settled) this.#turn = this.#deps.clock.after(delayMs, () => this.#next());
  }

  /** Starts the next one in the row; where there is none, asks for others. */
  #next(): void {
    if (this.#won.settled) return;
    const place = this.#waiting.shift();
    if (place === undefined) {
      if (this.#deps.book.mayMove(this.#deps.query)) void this.#ask();
      return;
    }
    this.#nextAfter(headStartMs);
    try {
      this.#start(place);
    } catch (error) {
      this.#wrong.push({ address: place.address, kind: 'wrong', words: messageOf(error) });
      this.#nextAfter(0);
    }
  }

  async #ask(): Promise<void> {
    const { book, query } = this.#deps;
    let isNew = false;
    try {
      isNew = this.#takeUp(await book.resolve({ ...query, attempt: query.attempt + ++this.#asked }));
    } catch {
      // What could not be found now may be there the next time.
    }
    if (isNew) this.#next();
    else this.#nextAfter(askAgainMs);
  }

  #start(place: NodeAddress, againMs = afreshMs): void {
    const runner = { lease: this.#deps.pool.lease(place.address, place.node), isRefused: false };
    this.#runners.push(runner);
    this.#watch(runner);
    this.#after(againMs, () => {
      if (runner.isRefused) return;
      // Else the pool would give the same one.
      runner.lease.retire();
      this.#start(place, againMs * 2);
    });
  }

  #watch(runner: Runner): void {
    const channel = runner.lease.client.getChannel();
    const look = (): void => {
      if (this.#won.settled) return;
      // To ask a channel to connect that was closed meanwhile would open it again.
      const before = channel.getConnectivityState(false);
      const state = before === connectivityState.IDLE ? channel.getConnectivityState(true) : before;
      if (state === connectivityState.READY) {
        this.#won.resolve(runner.lease);
        return;
      }
      const isOver = state === connectivityState.SHUTDOWN;
      if (isOver || state === connectivityState.TRANSIENT_FAILURE) this.#refused(runner);
      // After a refusal grpc-js goes on trying: while the others run, it may get through.
      if (!isOver) channel.watchConnectivityState(state, Infinity, look);
    };
    look();
  }

  #refused(runner: Runner): void {
    if (runner.isRefused) return;
    runner.isRefused = true;
    if (this.#waiting.length > 0) this.#nextAfter(0);
    else if (this.#runners.every(({ isRefused }) => isRefused)) void this.#fail();
  }

  /** No address is left, or no time. */
  async #fail(): Promise<void> {
    const [only, ...others] = this.#runners;
    // Its call says more than could be said here.
    if (only?.isRefused === true && others.length === 0 && this.#wrong.length === 0) {
      this.#won.resolve(only.lease);
      return;
    }
    const failed = await Promise.all(this.#runners.map((runner) => this.#failureOf(runner)));
    this.#won.reject(unreachableError([...failed, ...this.#wrong], this.#deps.limitMs));
  }

  async #failureOf({ lease, isRefused }: Runner): Promise<FailedAddress> {
    const { address } = lease;
    if (!isRefused) return { address, kind: 'silent' };
    const rpc = await refusalOf(lease.client, this.#deps.clock);
    if (rpc === undefined) this.#won.resolve(lease);
    return { address, kind: 'refused', words: rpc?.details ?? '' };
  }

  #after(delayMs: number, fire: () => void): void {
    const timer = this.#deps.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      if (!this.#won.settled) fire();
    });
    this.#timers.add(timer);
  }
}

function peerOf({ address, node }: NodeAddress): string {
  return JSON.stringify([address, node]);
}

function giveUp(lease: ChannelLease): void {
  // One that is connecting into the void must not be what the next attempt gets.
  lease.retire();
  lease.release();
}

import { connectivityState } from '@grpc/grpc-js';
import type { Clock, Timer } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { createLatch } from '#common/time/latch.js';
import type { AddressBook, NodeAddress } from './address-book.js';
import type { ChannelLease, ChannelPool } from './channel-pool.js';
import type { AddressQuery } from './client-options.js';

/** What dialling needs. */
export interface DialOptions {
  readonly pool: ChannelPool;
  readonly clock: Clock;
  readonly book: AddressBook;
  /** What the book is asked, again with rising numbers of attempts while nobody answers: the agent may have moved. */
  readonly query: AddressQuery;
  /** False once nobody waits for the connection any more. @default always true */
  readonly isWanted?: () => boolean;
  /** Time for a connection, in milliseconds. @default 3000 */
  readonly timeoutMs?: number | undefined;
}

// RFC 8305, 5: an address gets this much of a start before the next is tried beside it.
const firstRaceMs = 250;
const laterRaceMs = 1000;

/**
 * A share of a channel that is connected. Several addresses, as they become known, race: that of a pod that has gone
 * gives no answer at all. Where every one refuses, the first's share is returned, and a call on it says why.
 * @throws PaneletError AGENT_UNREACHABLE when no address answers in time; what the book throws the first time
 */
export async function dial(options: DialOptions): Promise<ChannelLease> {
  const { pool, clock, book, query, isWanted = () => true, timeoutMs = 3000 } = options;
  const runners = new Map<string, ChannelLease>();
  const refused = new Set<ChannelLease>();
  const won = createLatch<ChannelLease>();
  const watch = (lease: ChannelLease): void => {
    const channel = lease.client.getChannel();
    const look = (): void => {
      if (won.settled) return;
      // To ask a channel to connect that was closed meanwhile would open it again.
      const before = channel.getConnectivityState(false);
      const state = before === connectivityState.IDLE ? channel.getConnectivityState(true) : before;
      if (state === connectivityState.READY) {
        won.resolve(lease);
      } else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        refused.add(lease);
        if (refused.size === runners.size) won.resolve([...runners.values()][0] ?? lease);
      } else {
        channel.watchConnectivityState(state, Infinity, look);
      }
    };
    look();
  };
  const run = (place: NodeAddress): void => {
    if (won.settled || runners.has(place.address)) return;
    const lease = pool.lease(place.address, place.node);
    runners.set(place.address, lease);
    watch(lease);
  };
  run(await book.resolve(query));
  const addresses = (): string => [...runners.keys()].join(', ');
  const late = (): void =>
    won.reject(
      new PaneletError('AGENT_UNREACHABLE', `${addresses()} did not take a connection within ${timeoutMs} ms.`),
    );
  const limit = clock.after(timeoutMs, late);
  let race: Timer | undefined;
  const raceAnother = async (again: number): Promise<void> => {
    if (!isWanted() || !book.mayMove(query)) return;
    try {
      run(await book.resolve({ ...query, attempt: query.attempt + again }));
    } catch {
      // What could not be found now, or is no address, may be there the next time.
    }
    if (!won.settled) raceLater(again + 1);
  };
  const raceLater = (again: number): void => {
    race = clock.after(again === 1 ? firstRaceMs : laterRaceMs, () => void raceAnother(again));
  };
  if (!won.settled) raceLater(1);
  let winner: ChannelLease | undefined;
  try {
    winner = await won.promise;
    return winner;
  } finally {
    limit.stop();
    race?.stop();
    for (const lease of runners.values()) if (lease !== winner) giveUp(lease);
  }
}

function giveUp(lease: ChannelLease): void {
  // One that is connecting into the void must not be what the next attempt gets.
  lease.retire();
  lease.release();
}

import type { ChannelLease } from './channel-pool.js';
import { ConnectionRace, type DialOptions } from './connection-race.js';

/**
 * A share of a channel that is connected: of the address that is first to take a connection. An address that gives no
 * answer, as that of a pod that has gone, costs a head start of 250 ms where there is another one. Where the only address refuses,
 * its share is returned, and a call on it says why.
 * @throws PaneletError AGENT_UNREACHABLE, which says how each address failed, when none takes a connection in time; what the book throws
 * the first time; the signal's reason.
 */
export async function dial(options: DialOptions): Promise<ChannelLease> {
  const places = await options.book.resolve(options.query);
  options.signal?.throwIfAborted();
  return new ConnectionRace(options).run(places);
}

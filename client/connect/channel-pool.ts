import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import { SessionServiceClient } from '#proto/session/v1/session.js';
import { proxyOptions } from './proxy-rules.js';

/** One session's share of a channel. */
export interface ChannelLease {
  readonly client: SessionServiceClient;
  readonly address: string;
  /** The channel was found to lead to the agent of this node: behind one address there may be several. */
  leadsTo(node: string): void;
  /** Takes the channel out of use for others: its connection broke, or what is behind it goes away. */
  retire(): void;
  /** Gives the share back. Idempotent. */
  release(): void;
}

/** Channels to agents, shared by sessions. */
export interface ChannelPool {
  /**
   * A share of a channel that is not known to be broken, or to lead to another node's agent than this one's; `''` is any.
   */
  lease(address: string, node: string): ChannelLease;
  /** Channels that are open now. */
  readonly size: number;
  /** Closes every channel; attachments on them end. */
  close(): void;
}

/** What a pool is made with. */
export interface ChannelPoolOptions {
  /** Credentials for an address. */
  readonly credentialsFor: (address: string) => ChannelCredentials;
  /** Name to check the certificate of a node's agent against; undefined for the host of the address. @default undefined */
  readonly serverNameOf?: (node: string) => string | undefined;
  /**
   * Sessions on one connection. HTTP/2 servers announce a limit of streams, and grpc-js queues silently above it.
   * @default 100
   */
  readonly maxLeases?: number;
  /** Time between pings on a connection with calls, in milliseconds. @default 20000 */
  readonly keepaliveTimeMs?: number;
  /** Time a ping may take before the connection counts as dead, in milliseconds. @default 10000 */
  readonly keepaliveTimeoutMs?: number;
}

interface Entry {
  readonly client: SessionServiceClient;
  /** Node that it leads to; `''` while that is not known. */
  home: string;
  leases: number;
  retired: boolean;
}

function channelOptions(
  options: ChannelPoolOptions,
  { address, serverName }: { readonly address: string; readonly serverName: string | undefined },
): ClientOptions {
  return {
    // Own subchannels: else grpc-js would put all channels of an address on one connection.
    'grpc.use_local_subchannel_pool': 1,
    // The SDK replays by itself. Without a retry buffer grpc-js tells the truth about backpressure.
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.keepalive_time_ms': options.keepaliveTimeMs ?? 20_000,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? 10_000,
    ...proxyOptions(address),
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  };
}

/**
 * A pool that never waits for grpc-js' reconnection backoff: a channel whose connection broke is retired, and the next
 * attempt gets a fresh one, which connects at once. Many attempts at the same moment share that fresh channel.
 */
export function createChannelPool(options: ChannelPoolOptions): ChannelPool {
  const maxLeases = options.maxLeases ?? 100;
  // By address and expected name: what was verified for one node is not verified for another at the same address.
  const byPeer = new Map<string, Entry[]>();
  const closeUnused = (peer: string, entry: Entry): void => {
    if (entry.leases > 0 || !entry.retired) return;
    const rest = (byPeer.get(peer) ?? []).filter((other) => other !== entry);
    if (rest.length === 0) byPeer.delete(peer);
    else byPeer.set(peer, rest);
    entry.client.close();
  };
  const find = (peer: string, node: string, create: () => SessionServiceClient): Entry => {
    const entries = byPeer.get(peer) ?? [];
    const free = entries.filter((entry) => !entry.retired && entry.leases < maxLeases);
    const found = free.find(({ home }) => home === node) ?? free.find(({ home }) => node === '' || home === '');
    if (found !== undefined) return found;
    const entry: Entry = { client: create(), home: '', leases: 0, retired: false };
    byPeer.set(peer, [...entries, entry]);
    return entry;
  };
  return {
    lease: (address, node) => {
      const serverName = options.serverNameOf?.(node);
      const peer = JSON.stringify([address, serverName]);
      const entry = find(peer, node, () => {
        const credentials = options.credentialsFor(address);
        return new SessionServiceClient(address, credentials, channelOptions(options, { address, serverName }));
      });
      entry.leases++;
      let released = false;
      return {
        client: entry.client,
        address,
        leadsTo: (home) => {
          entry.home = home;
          const isSpare = ({ retired, home: other }: Entry): boolean => !retired && other === home;
          // A second one to that agent is of use only while there are sessions on it.
          if ((byPeer.get(peer) ?? []).filter(isSpare).length > 1 && entry.leases <= 1) entry.retired = true;
        },
        retire: () => {
          entry.retired = true;
          closeUnused(peer, entry);
        },
        release: () => {
          if (released) return;
          released = true;
          entry.leases--;
          closeUnused(peer, entry);
        },
      };
    },
    get size() {
      return [...byPeer.values()].reduce((sum, entries) => sum + entries.length, 0);
    },
    close: () => {
      for (const entries of byPeer.values()) for (const entry of entries) entry.client.close();
      byPeer.clear();
    },
  };
}

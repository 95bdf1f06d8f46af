import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import { SessionServiceClient } from '#proto/session/v1/session.js';

/** One session's share of a channel. */
export interface ChannelLease {
  readonly client: SessionServiceClient;
  readonly address: string;
  /** Takes the channel out of use for others: its connection broke, or what is behind it goes away. */
  retire(): void;
  /** Gives the share back. Idempotent. */
  release(): void;
}

/** Channels to agents, shared by sessions. */
export interface ChannelPool {
  /** A share of a channel that is not known to be broken. */
  lease(address: string): ChannelLease;
  /** Channels that are open now. */
  readonly size: number;
  /** Closes every channel; attachments on them end. */
  close(): void;
}

/** What a pool is made with. */
export interface ChannelPoolOptions {
  /** Credentials for an address. */
  readonly credentialsFor: (address: string) => ChannelCredentials;
  /** Name to check certificates against, when it is not the host of the address. */
  readonly serverName?: string | undefined;
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
  leases: number;
  retired: boolean;
}

function channelOptions(options: ChannelPoolOptions): ClientOptions {
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
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
    ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
  };
}

/**
 * A pool that never waits for grpc-js' reconnection backoff: a channel whose connection broke is retired, and the next
 * attempt gets a fresh one, which connects at once. Many attempts at the same moment share that fresh channel.
 */
export function createChannelPool(options: ChannelPoolOptions): ChannelPool {
  const maxLeases = options.maxLeases ?? 100;
  const byAddress = new Map<string, Entry[]>();
  const closeUnused = (address: string, entry: Entry): void => {
    if (entry.leases > 0 || !entry.retired) return;
    const rest = (byAddress.get(address) ?? []).filter((other) => other !== entry);
    if (rest.length === 0) byAddress.delete(address);
    else byAddress.set(address, rest);
    entry.client.close();
  };
  const find = (address: string): Entry => {
    const entries = byAddress.get(address) ?? [];
    const free = entries.find((entry) => !entry.retired && entry.leases < maxLeases);
    if (free !== undefined) return free;
    const client = new SessionServiceClient(address, options.credentialsFor(address), channelOptions(options));
    const entry: Entry = { client, leases: 0, retired: false };
    byAddress.set(address, [...entries, entry]);
    return entry;
  };
  return {
    lease: (address) => {
      const entry = find(address);
      entry.leases++;
      let released = false;
      return {
        client: entry.client,
        address,
        retire: () => {
          entry.retired = true;
          closeUnused(address, entry);
        },
        release: () => {
          if (released) return;
          released = true;
          entry.leases--;
          closeUnused(address, entry);
        },
      };
    },
    get size() {
      return [...byAddress.values()].reduce((sum, entries) => sum + entries.length, 0);
    },
    close: () => {
      for (const entries of byAddress.values()) for (const entry of entries) entry.client.close();
      byAddress.clear();
    },
  };
}

import type { ChannelCredentials } from '@grpc/grpc-js';

import { PaneletError } from '#common/errors/errors.js';
import { GateServiceClient } from '#proto/gate/v1/gate.js';

import type { GateCredentials } from './gate-credentials.js';
import type { GateAddress } from '../restart/api/ports.js';

/** What channels are made of. */
export interface GateChannelsDeps {
  readonly credentials: GateCredentials;
  /** Name to expect in every certificate, whatever the address says. */
  readonly serverName?: string;
}

/** A channel for one call. */
export interface GateChannel {
  readonly client: GateServiceClient;
  /** The call is over. Releasing twice is fine. */
  release(): void;
}

/** Channels to gates, one for each address. */
export interface GateChannels {
  /** @throws PaneletError AGENT_UNREACHABLE while there are no credentials. */
  open(address: GateAddress): GateChannel;
  /** Ends every connection. */
  close(): void;
}

interface Entry {
  readonly client: GateServiceClient;
  readonly credentials: ChannelCredentials;
  calls: number;
  retired: boolean;
}

/** Addresses that are remembered; the one used longest ago goes first. */
const maxChannels = 256;

const baseOptions = {
  'grpc.enable_retries': 0,
  // Agents are in the cluster, whatever proxy of the environment leads out of it.
  'grpc.enable_http_proxy': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

/** Opens channels; one whose credentials have changed takes no new call and is closed when its last call is over. */
export function createGateChannels({ credentials, serverName }: GateChannelsDeps): GateChannels {
  const entries = new Map<string, Entry>();
  const retired = new Set<Entry>();

  const closeIfIdle = (entry: Entry): void => {
    if (!entry.retired || entry.calls > 0) return;
    retired.delete(entry);
    entry.client.close();
  };
  const retire = (key: string, entry: Entry): void => {
    entries.delete(key);
    entry.retired = true;
    retired.add(entry);
    closeIfIdle(entry);
  };

  const entryOf = (address: GateAddress): Entry => {
    const { host, port } = address;
    const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const name = serverName ?? address.serverName;
    // Another node may have got the address.
    const key = `${target} ${name ?? ''}`;
    const now = credentials.current();
    if (now === undefined) {
      const message = `${target}: this controller has no certificate yet, because the certificate authority is not there.`;
      throw new PaneletError('AGENT_UNREACHABLE', message);
    }
    let entry = entries.get(key);
    if (entry !== undefined && entry.credentials !== now) {
      retire(key, entry);
      entry = undefined;
    }
    entry ??= { client: connect(target, now, name), credentials: now, calls: 0, retired: false };
    entries.delete(key);
    entries.set(key, entry);
    const oldest = entries.entries().next();
    if (entries.size > maxChannels && oldest.done !== true) retire(...oldest.value);
    return entry;
  };

  return {
    open: (address) => {
      const entry = entryOf(address);
      entry.calls++;
      let released = false;
      return {
        client: entry.client,
        release: () => {
          if (released) return;
          released = true;
          entry.calls--;
          closeIfIdle(entry);
        },
      };
    },
    close: () => {
      for (const entry of [...entries.values(), ...retired]) entry.client.close();
      entries.clear();
      retired.clear();
    },
  };
}

function connect(target: string, credentials: ChannelCredentials, name: string | undefined): GateServiceClient {
  const naming = name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
  return new GateServiceClient(target, credentials, { ...baseOptions, ...naming });
}

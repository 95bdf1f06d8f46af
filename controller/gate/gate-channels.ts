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
export function createGateChannels(deps: GateChannelsDeps): GateChannels {
  return new GrpcGateChannels(deps);
}

class GrpcGateChannels implements GateChannels {
  readonly #deps: GateChannelsDeps;
  /** By address and name; the one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  /** Those that take no new call and are not closed yet. */
  readonly #retired = new Set<Entry>();

  constructor(deps: GateChannelsDeps) {
    this.#deps = deps;
  }

  open(address: GateAddress): GateChannel {
    const entry = this.#entryOf(address);
    entry.calls++;
    let released = false;
    return {
      client: entry.client,
      release: () => {
        if (released) return;
        released = true;
        entry.calls--;
        this.#closeIfIdle(entry);
      },
    };
  }

  close(): void {
    for (const entry of [...this.#entries.values(), ...this.#retired]) entry.client.close();
    this.#entries.clear();
    this.#retired.clear();
  }

  #entryOf({ host, port, serverName }: GateAddress): Entry {
    const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const name = this.#deps.serverName ?? serverName;
    // Another node may have got the address.
    const key = `${target} ${name ?? ''}`;
    const credentials = this.#credentialsFor(target);
    let entry = this.#entries.get(key);
    if (entry !== undefined && entry.credentials !== credentials) {
      this.#retire(key, entry);
      entry = undefined;
    }
    entry ??= { client: connect(target, credentials, name), credentials, calls: 0, retired: false };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const oldest = this.#entries.entries().next();
    if (this.#entries.size > maxChannels && oldest.done !== true) this.#retire(...oldest.value);
    return entry;
  }

  #credentialsFor(target: string): ChannelCredentials {
    const credentials = this.#deps.credentials.current();
    if (credentials !== undefined) return credentials;
    const message = `${target}: this controller has no certificate yet, because the certificate authority is not there.`;
    throw new PaneletError('AGENT_UNREACHABLE', message);
  }

  #retire(key: string, entry: Entry): void {
    this.#entries.delete(key);
    entry.retired = true;
    this.#retired.add(entry);
    this.#closeIfIdle(entry);
  }

  #closeIfIdle(entry: Entry): void {
    if (!entry.retired || entry.calls > 0) return;
    this.#retired.delete(entry);
    entry.client.close();
  }
}

function connect(target: string, credentials: ChannelCredentials, name: string | undefined): GateServiceClient {
  const naming = name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
  return new GateServiceClient(target, credentials, { ...baseOptions, ...naming });
}

import {
  Metadata,
  status as grpcStatus,
  type CallOptions,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';

import type { Clock } from '#common/clock.js';
import { PaneletError, type ErrorCode } from '#common/errors.js';
import { reasonOf } from '#common/grpc-status.js';
import { GateServiceClient, type DrainResponse } from '#proto/gate/v1/gate.js';

import type { GateAddress, GateCalls } from './restart/ports.js';

/** What a gate client is made of. */
export interface GateClientDeps {
  readonly clock: Clock;
  readonly credentials: ChannelCredentials;
  /** The bearer token to send; asked before every call, so that it may change. */
  readonly token: () => string;
  /** Name to expect in certificates instead of the address. */
  readonly serverName?: string;
  /** Longest wait for an answer, in milliseconds; drains are not limited by it. @default 5000 */
  readonly timeoutMs?: number;
}

/** Calls to the gates of agents; {@link GateCalls} says how they fail. */
export interface GateClient extends GateCalls {
  /** Ends every connection. */
  close(): void;
}

/** Addresses that are remembered; the one used longest ago goes first. */
const maxClients = 256;

function codeOf(error: ServiceError): ErrorCode {
  const reason = reasonOf(error.metadata);
  if (reason !== undefined) return reason;
  switch (error.code) {
    case grpcStatus.FAILED_PRECONDITION:
    case grpcStatus.ABORTED:
    case grpcStatus.INVALID_ARGUMENT:
    case grpcStatus.UNIMPLEMENTED:
      return 'GATE_REFUSED';
    case grpcStatus.UNAUTHENTICATED:
      return 'IDENTITY_MISSING';
    case grpcStatus.PERMISSION_DENIED:
      return 'IDENTITY_REFUSED';
    default:
      return 'AGENT_UNREACHABLE';
  }
}

function errorOf(address: GateAddress, error: ServiceError): PaneletError {
  const text = error.details === '' ? error.message : error.details;
  return new PaneletError(codeOf(error), `${address.host}:${address.port}: ${text}`, { cause: error });
}

/** Calls gates over gRPC, with one connection for each address. */
export function createGateClient(deps: GateClientDeps): GateClient {
  const { clock, credentials, token, serverName, timeoutMs = 5_000 } = deps;
  const clients = new Map<string, GateServiceClient>();

  const clientOf = ({ host, port }: GateAddress): GateServiceClient => {
    const key = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const known = clients.get(key);
    const client =
      known ??
      new GateServiceClient(key, credentials, {
        'grpc.enable_retries': 0,
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 2_000,
        'grpc.keepalive_time_ms': 20_000,
        'grpc.keepalive_timeout_ms': 5_000,
        ...(serverName === undefined
          ? {}
          : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
      });
    clients.delete(key);
    clients.set(key, client);
    const oldest = clients.entries().next();
    if (clients.size > maxClients && oldest.done !== true) {
      clients.delete(oldest.value[0]);
      oldest.value[1].close();
    }
    return client;
  };

  const metadata = (): Metadata => {
    const out = new Metadata();
    out.set('authorization', `Bearer ${token()}`);
    return out;
  };
  const limits = (): Partial<CallOptions> => ({ deadline: clock.date().getTime() + timeoutMs });

  const unary = <S>(
    address: GateAddress,
    call: (client: GateServiceClient, done: (error: ServiceError | null, response: S) => void) => void,
  ): Promise<S> =>
    new Promise((resolve, reject) => {
      call(clientOf(address), (error, response) => {
        if (error === null) resolve(response);
        else reject(errorOf(address, error));
      });
    });

  return {
    status: async (address) => {
      const { status } = await unary<{ status?: Awaited<ReturnType<GateCalls['status']>> | undefined }>(
        address,
        (client, done) => client.status({}, metadata(), limits(), done),
      );
      if (status !== undefined) return status;
      throw new PaneletError('AGENT_UNREACHABLE', `${address.host}:${address.port}: a status without content`);
    },
    receipt: async (address, restartUid) => {
      try {
        const answer = await unary<{ receipt?: Awaited<ReturnType<GateCalls['receipt']>> }>(address, (client, done) =>
          client.getReceipt({ restartUid }, metadata(), limits(), done),
        );
        return answer.receipt;
      } catch (error) {
        const cause = error instanceof PaneletError ? (error.cause as ServiceError | undefined) : undefined;
        if (cause?.code === grpcStatus.NOT_FOUND) return undefined;
        throw error;
      }
    },
    cordon: async (address, request) => {
      await unary(address, (client, done) => client.cordon(request, metadata(), limits(), done));
    },
    uncordon: async (address, request) => {
      await unary(address, (client, done) => client.uncordon(request, metadata(), limits(), done));
    },
    drain: (address, request, listener) => {
      const call = clientOf(address).drain(request, metadata());
      let ended = false;
      const end = (error?: Error): void => {
        if (ended) return;
        ended = true;
        listener.onEnd(error);
      };
      call.on('data', (response: DrainResponse) => {
        if (!ended) listener.onState(response);
      });
      call.on('error', (error: ServiceError) => end(errorOf(address, error)));
      call.on('end', () => end());
      return {
        stop: () => {
          ended = true;
          call.cancel();
        },
      };
    },
    close: () => {
      for (const client of clients.values()) client.close();
      clients.clear();
    },
  };
}

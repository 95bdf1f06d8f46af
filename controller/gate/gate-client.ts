import {
  Metadata,
  status as grpcStatus,
  type CallOptions,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';

import type { Clock } from '#common/time/clock.js';
import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import { reasonOf } from '#common/grpc/grpc-status.js';
import type { DrainResponse, GateServiceClient } from '#proto/gate/v1/gate.js';

import { createGateChannels, type GateChannel } from './gate-channels.js';
import type { GateCredentials } from './gate-credentials.js';
import type { DrainCall, DrainListener, GateAddress, GateCalls } from '../restart/api/ports.js';

/** What a gate client is made of. */
export interface GateClientDeps {
  readonly clock: Clock;
  /** Asked before every call: a call never goes over a connection made with other ones. */
  readonly credentials: GateCredentials;
  /** The bearer token to send; asked before every call, so that it may change. None when not set. */
  readonly token?: () => string;
  /** Name to expect in every certificate, whatever the address says. */
  readonly serverName?: string;
  /** Longest wait for an answer, in milliseconds; drains are not limited by it. @default 5000 */
  readonly timeoutMs?: number;
}

/** Calls to the gates of agents; {@link GateCalls} says how they fail. */
export interface ControllerGateClient extends GateCalls {
  /** Ends every connection. */
  close(): void;
}

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
export function createGateClient(deps: GateClientDeps): ControllerGateClient {
  const { clock, token, timeoutMs = 5_000 } = deps;
  const channels = createGateChannels(deps);

  const metadata = (): Metadata => {
    const out = new Metadata();
    if (token !== undefined) out.set('authorization', `Bearer ${token()}`);
    return out;
  };
  const limits = (): Partial<CallOptions> => ({ deadline: clock.date().getTime() + timeoutMs });

  const unary = <S>(
    address: GateAddress,
    call: (client: GateServiceClient, done: (error: ServiceError | null, response: S) => void) => void,
  ): Promise<S> =>
    new Promise((resolve, reject) => {
      const channel = channels.open(address);
      call(channel.client, (error, response) => {
        channel.release();
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
      let channel: GateChannel;
      try {
        channel = channels.open(address);
      } catch (error) {
        const stopped = { value: false };
        queueMicrotask(() => (stopped.value ? undefined : listener.onEnd(PaneletError.from(error))));
        return { stop: () => void (stopped.value = true) };
      }
      return hear(address, channel, channel.client.drain(request, metadata()), listener);
    },
    close: () => channels.close(),
  };
}

function hear(
  address: GateAddress,
  channel: GateChannel,
  call: ClientReadableStream<DrainResponse>,
  listener: DrainListener,
): DrainCall {
  let ended = false;
  const end = (error?: Error): void => {
    channel.release();
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
}

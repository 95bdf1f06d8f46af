import { Metadata, status as grpcStatus, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';

import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { errorCodeOf } from '#common/grpc/grpc-status.js';
import { unaryCall, type UnaryStart } from '#common/grpc/unary-call.js';
import type {
  CordonRequest,
  CordonResponse,
  DrainRequest,
  DrainResponse,
  GateServiceClient,
  GateStatus,
  GetReceiptResponse,
  Receipt,
  RetireRequest,
  RetireResponse,
  StatusResponse,
  UncordonRequest,
  UncordonResponse,
} from '#proto/gate/v1/gate.js';

import { createGateChannels, type GateChannel, type GateChannels } from './gate-channels.js';
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

/** Calls gates over gRPC, with one connection for each address. */
export function createGateClient(deps: GateClientDeps): ControllerGateClient {
  return new GrpcGateClient(deps);
}

class GrpcGateClient implements ControllerGateClient {
  readonly #deps: GateClientDeps;
  readonly #channels: GateChannels;

  constructor(deps: GateClientDeps) {
    this.#deps = deps;
    this.#channels = createGateChannels(deps);
  }

  async status(address: GateAddress, podUid?: string): Promise<GateStatus | undefined> {
    const answer = await ifFound(
      this.#ask<StatusResponse>(address, (client, ...rest) => client.status({ podUid }, ...rest)),
    );
    if (answer === undefined || answer.status !== undefined) return answer?.status;
    throw new PaneletError('AGENT_UNREACHABLE', `${address.host}:${address.port}: a status without content`);
  }

  async receipt(address: GateAddress, restartUid: string, podUid?: string): Promise<Receipt | undefined> {
    const answer = await ifFound(
      this.#ask<GetReceiptResponse>(address, (client, ...rest) => client.getReceipt({ restartUid, podUid }, ...rest)),
    );
    return answer?.receipt;
  }

  async retire(address: GateAddress, request: RetireRequest): Promise<void> {
    await this.#ask<RetireResponse>(address, (client, ...rest) => client.retire(request, ...rest));
  }

  async cordon(address: GateAddress, request: CordonRequest): Promise<void> {
    await this.#ask<CordonResponse>(address, (client, ...rest) => client.cordon(request, ...rest));
  }

  async uncordon(address: GateAddress, request: UncordonRequest): Promise<void> {
    await this.#ask<UncordonResponse>(address, (client, ...rest) => client.uncordon(request, ...rest));
  }

  drain(address: GateAddress, request: DrainRequest, listener: DrainListener): DrainCall {
    let channel: GateChannel;
    try {
      channel = this.#channels.open(address);
    } catch (error) {
      return failSoon(PaneletError.from(error), listener);
    }
    return hear(address, channel, channel.client.drain(request, this.#metadata()), listener);
  }

  close(): void {
    this.#channels.close();
  }

  async #ask<Response>(
    address: GateAddress,
    start: (client: GateServiceClient, ...rest: Parameters<UnaryStart<Response>>) => ReturnType<UnaryStart<Response>>,
  ): Promise<Response> {
    const { clock, timeoutMs = 5_000 } = this.#deps;
    const bounds = { metadata: this.#metadata(), deadline: new Date(clock.date().getTime() + timeoutMs) };
    const channel = this.#channels.open(address);
    try {
      return await unaryCall<Response>((...rest) => start(channel.client, ...rest), bounds);
    } catch (error) {
      throw gateErrorOf(address, error as ServiceError);
    } finally {
      channel.release();
    }
  }

  #metadata(): Metadata {
    const { token } = this.#deps;
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token()}`);
    return metadata;
  }
}

/** What is asked for; undefined where there is nothing like it. */
async function ifFound<Response>(asking: Promise<Response>): Promise<Response | undefined> {
  try {
    return await asking;
  } catch (error) {
    const cause = error instanceof PaneletError ? (error.cause as ServiceError | undefined) : undefined;
    if (cause?.code === grpcStatus.NOT_FOUND) return undefined;
    throw error;
  }
}

/** A drain that could not be started: its listener hears so as of one that fails later, unless it is stopped before. */
function failSoon(error: PaneletError, listener: DrainListener): DrainCall {
  const stopped = { value: false };
  queueMicrotask(() => (stopped.value ? undefined : listener.onEnd(error)));
  return { stop: () => void (stopped.value = true) };
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
  call.on('error', (error: ServiceError) => end(gateErrorOf(address, error)));
  call.on('end', () => end());
  return {
    stop: () => {
      ended = true;
      call.cancel();
    },
  };
}

function gateErrorOf(address: GateAddress, error: ServiceError): PaneletError {
  const text = error.details === '' ? error.message : error.details;
  return new PaneletError(errorCodeOf(error, 'gate'), `${address.host}:${address.port}: ${text}`, { cause: error });
}

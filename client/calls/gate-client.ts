import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { createSystemClock, type Clock } from '#common/time/clock.js';
import {
  GateServiceClient,
  type CordonRequest,
  type DrainRequest,
  type DrainResponse,
  type GateStatus,
  type UncordonRequest,
} from '#proto/gate/v1/gate.js';
import { bearer } from '../connect/bearer.js';
import { credentialsFor, serverNameOf, type TlsOption } from '../connect/endpoint-address.js';
import { proxyOptions } from '../connect/proxy-rules.js';
import { clientErrorOf, statusOfError } from '../connect/status-errors.js';
import { callUnary, type UnaryContext } from './unary-call.js';

/** The gate of one agent, for operators. */
export interface GateClient {
  status(): Promise<GateStatus>;
  cordon(request: CordonRequest): Promise<GateStatus>;
  uncordon(request: UncordonRequest): Promise<GateStatus>;
  /** Starts or joins a drain and yields its states. Ending the iteration does not end the drain. */
  drain(request: DrainRequest): AsyncGenerator<DrainResponse, void, undefined>;
  close(): void;
}

/** How to reach a gate. */
export interface GateClientOptions {
  readonly address: string;
  readonly token?: string | undefined;
  readonly tls?: TlsOption;
  /** @default the system's */
  readonly clock?: Clock;
}

const callTimeoutMs = 10_000;

/** A gate client. Connects when it is first used. @throws CONFIG_INVALID for an address that cannot be used. */
export function createGateClient(options: GateClientOptions): GateClient {
  const clock = options.clock ?? createSystemClock();
  const tls = options.tls ?? 'auto';
  const { address } = options;
  const serverName = serverNameOf(tls, '');
  const client = new GateServiceClient(address, credentialsFor(address, tls), {
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    ...proxyOptions(address),
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  });
  const metadata = new Metadata();
  const authorization = bearer(options.token);
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const context = (): UnaryContext => ({
    address,
    metadata,
    deadline: new Date(clock.date().getTime() + callTimeoutMs),
  });
  const must = (status: GateStatus | undefined): GateStatus => {
    if (status !== undefined) return status;
    throw clientErrorOf(statusOfError(new Error('an answer without a status')), address);
  };
  return {
    status: async () => must((await callUnary(client.status.bind(client), {}, context())).status),
    cordon: async (request) => must((await callUnary(client.cordon.bind(client), request, context())).status),
    uncordon: async (request) => must((await callUnary(client.uncordon.bind(client), request, context())).status),
    drain: async function* (request) {
      const call: ClientReadableStream<DrainResponse> = client.drain(request, metadata);
      try {
        for await (const response of call) yield response as DrainResponse;
      } catch (error) {
        throw clientErrorOf(statusOfError(error), address);
      } finally {
        call.cancel();
      }
    },
    close: () => client.close(),
  };
}

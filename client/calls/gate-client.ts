import { credentials, Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { isPaneletError, PaneletError } from '#common/errors/errors.js';
import { ToldSessions } from '#common/grpc/told-sessions.js';
import { createSystemRandom, type Random } from '#common/random.js';
import { createSystemClock, type Clock } from '#common/time/clock.js';
import { AgentServiceClient, type ReloadRequest, type ReloadResponse } from '#proto/agent/v1/agent.js';
import {
  GateServiceClient,
  type CordonRequest,
  type DrainRequest,
  type DrainResponse,
  type GateStatus,
  type UncordonRequest,
  type WatchResponse,
} from '#proto/gate/v1/gate.js';
import type { ListSessionsRequest, ListSessionsResponse, WatchSessionsResponse } from '#proto/session/v1/session.js';
import { sessionInfoOf, type SessionInfo } from './node-views.js';
import { createAddressBook, type AddressBook } from '../connect/address-book.js';
import { defaultTimes } from '../connect/attach-times.js';
import { bearer } from '../connect/bearer.js';
import { createChannelPool, type ChannelLease, type ChannelPool } from '../connect/channel-pool.js';
import type { AddressOptions } from '../connect/client-options.js';
import { dial } from '../connect/dial.js';
import { credentialsFor, serverNameOf, type TlsOption } from '../connect/endpoint-address.js';
import { clientErrorOf, statusOfError } from '../connect/status-errors.js';
import { keepWatching, type KeepWatching } from './keep-watching.js';
import { callUnary, type UnaryMethod } from './unary-call.js';

/** The gate of one agent, the sessions of its node, and the agent itself. */
export interface GateClient {
  status(): Promise<GateStatus>;
  /**
   * The status, and each change of it, until the signal aborts: agents that go are waited for, and those from before are asked every 5 s.
   * @throws PaneletError that does not pass, for example IDENTITY_REFUSED
   */
  watch(options?: KeepWatching): AsyncGenerator<GateStatus, void, undefined>;
  /** The caller's own sessions on the node, oldest first, and how they are at each change; else as `watch`. */
  watchSessions(options?: KeepWatching): AsyncGenerator<readonly SessionInfo[], void, undefined>;
  cordon(request: CordonRequest): Promise<GateStatus>;
  uncordon(request: UncordonRequest): Promise<GateStatus>;
  /** Starts or joins a drain and yields its states. Ending the iteration does not end the drain. */
  drain(request: DrainRequest): AsyncGenerator<DrainResponse, void, undefined>;
  /** Has the agent take up what has changed, and yields the steps by which its workers are replaced. Ending the iteration ends nothing. */
  reload(request: ReloadRequest): AsyncGenerator<ReloadResponse, void, undefined>;
  close(): void;
}

/** How to reach a gate. */
export interface GateClientOptions extends Pick<AddressOptions, 'address' | 'resolve'> {
  readonly token?: string | undefined;
  /** A function is asked for every new connection. @default 'auto': TLS, except to this machine */
  readonly tls?: TlsOption | (() => TlsOption);
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: Random;
}

const callTimeoutMs = 10_000;

/**
 * A gate client. Connects when it is first used.
 * @throws CONFIG_INVALID for a token that cannot be sent; its calls, for an address that cannot be used.
 */
export function createGateClient(options: GateClientOptions): GateClient {
  return new DialledGate(options);
}

class DialledGate implements GateClient {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #book: AddressBook;
  readonly #pool: ChannelPool;
  readonly #metadata = new Metadata();

  constructor(options: GateClientOptions) {
    const { tls = 'auto' } = options;
    const tlsNow = (): TlsOption => (typeof tls === 'function' ? tls() : tls);
    this.#clock = options.clock ?? createSystemClock({ keepsAlive: true });
    this.#random = options.random ?? createSystemRandom();
    this.#book = createAddressBook(options);
    this.#pool = createChannelPool({
      credentialsFor: (address) => credentialsFor(address, tlsNow()),
      serverNameOf: (node) => serverNameOf(tlsNow(), node),
    });
    const authorization = bearer(options.token);
    if (authorization !== undefined) this.#metadata.set('authorization', authorization);
  }

  status(): Promise<GateStatus> {
    return this.#ask((gate) => gate.status.bind(gate), {});
  }

  watch(options: KeepWatching = {}): AsyncGenerator<GateStatus, void, undefined> {
    const { signal } = options;
    const source = { watch: () => this.#statuses(signal), ask: () => this.status() };
    return keepWatching(source, { ...options, clock: this.#clock, random: this.#random });
  }

  watchSessions(options: KeepWatching = {}): AsyncGenerator<readonly SessionInfo[], void, undefined> {
    const { signal } = options;
    const source = { watch: () => this.#sessions(signal), ask: () => this.#listSessions() };
    return keepWatching(source, { ...options, clock: this.#clock, random: this.#random });
  }

  cordon(request: CordonRequest): Promise<GateStatus> {
    return this.#ask((gate) => gate.cordon.bind(gate), request);
  }

  uncordon(request: UncordonRequest): Promise<GateStatus> {
    return this.#ask((gate) => gate.uncordon.bind(gate), request);
  }

  drain(request: DrainRequest): AsyncGenerator<DrainResponse, void, undefined> {
    return this.#follow<DrainResponse>((lease) => gateAt(lease).drain(request, this.#metadata));
  }

  reload(request: ReloadRequest): AsyncGenerator<ReloadResponse, void, undefined> {
    return this.#follow<ReloadResponse>((lease) => agentAt(lease).reload(request, this.#metadata));
  }

  async *#follow<Response>(
    start: (lease: ChannelLease) => ClientReadableStream<Response>,
    signal?: AbortSignal,
  ): AsyncGenerator<Response, void, undefined> {
    const lease = await this.#dial(signal);
    const call = start(lease);
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const response of call) yield response as Response;
    } catch (error) {
      throw this.#failed(lease, clientErrorOf(statusOfError(error), lease.address));
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
      lease.release();
    }
  }

  async *#statuses(signal: AbortSignal | undefined): AsyncGenerator<GateStatus, void, undefined> {
    const told = this.#follow<WatchResponse>((lease) => gateAt(lease).watch({}, this.#metadata), signal);
    for await (const { status } of told) if (status !== undefined) yield status;
  }

  async *#sessions(signal: AbortSignal | undefined): AsyncGenerator<readonly SessionInfo[], void, undefined> {
    const sessions = new ToldSessions();
    const told = this.#follow<WatchSessionsResponse>(
      ({ client }) => client.watchSessions({ panel: '' }, this.#metadata),
      signal,
    );
    for await (const news of told) {
      const nowMs = this.#clock.nowMs();
      sessions.take(news, nowMs);
      yield sessions
        .list(nowMs)
        .map(sessionInfoOf)
        .sort((a, b) => b.ageMs - a.ageMs);
    }
  }

  async #listSessions(): Promise<readonly SessionInfo[]> {
    const { sessions } = await this.#call<ListSessionsRequest, ListSessionsResponse>(
      ({ client }) => client.listSessions.bind(client),
      { panel: '' },
    );
    return sessions.map(sessionInfoOf);
  }

  close(): void {
    this.#pool.close();
  }

  async #ask<Request>(
    methodOf: (gate: GateServiceClient) => UnaryMethod<Request, { readonly status: GateStatus | undefined }>,
    request: Request,
  ): Promise<GateStatus> {
    const { status } = await this.#call((lease) => methodOf(gateAt(lease)), request);
    if (status !== undefined) return status;
    throw PaneletError.from(new Error('The agent answered without a status.'));
  }

  async #call<Request, Response>(
    methodOf: (lease: ChannelLease) => UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const lease = await this.#dial();
    const { address } = lease;
    const deadline = new Date(this.#clock.date().getTime() + callTimeoutMs);
    try {
      return await callUnary(methodOf(lease), request, { address, metadata: this.#metadata, deadline });
    } catch (error) {
      throw this.#failed(lease, PaneletError.from(error));
    } finally {
      lease.release();
    }
  }

  #dial(signal?: AbortSignal): Promise<ChannelLease> {
    const query = { sessionId: '', panel: '', node: '', attempt: 0 };
    const limitMs = defaultTimes.connectTimeoutMs;
    return dial({ pool: this.#pool, clock: this.#clock, book: this.#book, query, limitMs, ...(signal && { signal }) });
  }

  /** The next call gets another connection, where this one has broken. */
  #failed(lease: ChannelLease, error: PaneletError): PaneletError {
    if (isPaneletError(error, 'AGENT_UNREACHABLE')) lease.retire();
    return error;
  }
}

function gateAt({ client }: ChannelLease): GateServiceClient {
  return new GateServiceClient('unix:', credentials.createInsecure(), { channelOverride: client.getChannel() });
}

function agentAt({ client }: ChannelLease): AgentServiceClient {
  return new AgentServiceClient('unix:', credentials.createInsecure(), { channelOverride: client.getChannel() });
}

import { createHash } from 'node:crypto';
import { credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { isPaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { AttachMode, Channel, SessionServiceClient, type Frames } from '#proto/session/v1/session.js';
import { createClientLink, type ClientLink, type Loss } from '#session/client/client-link.js';
import type { ClientEffect, ClientNext } from '#session/client/client-effects.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import { rpcErrorOf } from './rpc-error.js';
import { waitFor } from './wait-for.js';

/** How a link client is set up. */
export interface LinkClientOptions {
  /** Unix socket of the worker, if it goes straight there. */
  readonly socket?: string;
  /** Address of an agent otherwise. */
  readonly address?: string;
  readonly panel?: string;
  readonly sessionId?: string;
  readonly clientId?: string;
  readonly mode?: AttachMode;
  readonly parameters?: Record<string, string>;
  readonly takeover?: boolean;
  readonly resumeToken?: Uint8Array;
  readonly identity?: string;
  readonly roles?: string;
  /** What an agent calls its attachments. @default they go by no name */
  readonly agentName?: string;
  /** Instance of the agent that it comes through. @default none is said */
  readonly agentInstance?: string;
}

/** The smallest client over real gRPC: the pure link of the engine, no retries, and every knob of a hostile one. */
export class LinkClient {
  readonly sessionId: string;
  readonly link: ClientLink;
  readonly effects: ClientEffect[] = [];
  readonly items: InputItem[] = [];
  readonly losses: Loss[] = [];
  /** What followed the last attachment. */
  next: ClientNext | undefined;
  /** False: output is left lying in the endpoint. */
  reads = true;
  /** True: what the worker sends may contradict what was sent, for clients that cheat. */
  isTolerant = false;
  receivedBytes = 0;
  writtenBytes = 0;
  call: ClientDuplexStream<Frames, Frames> | undefined;
  grpc: SessionServiceClient;
  readonly #options: LinkClientOptions;
  #received = createHash('sha256');
  #written = createHash('sha256');
  #over: Latch<void> | undefined;

  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.sessionId = options.sessionId ?? crypto.randomUUID();
    this.link = createClientLink({
      panel: options.panel ?? 'echo',
      sessionId: this.sessionId,
      clientId: options.clientId ?? crypto.randomUUID(),
      mode: options.mode ?? AttachMode.OPEN_OR_RESUME,
      parameters: options.parameters ?? {},
      takeover: options.takeover ?? false,
      ...(options.resumeToken === undefined ? {} : { resumeToken: options.resumeToken }),
    });
    const { socket, address } = options;
    this.grpc = address === undefined ? createSessionClient(socket ?? '') : createAgentClient(address);
  }

  /** Attaches, and resolves with the effect of the Welcome. @throws the PaneletError of a refusal */
  async attach(): Promise<Extract<ClientEffect, { kind: 'welcomed' }>> {
    const welcomed = createLatch<Extract<ClientEffect, { kind: 'welcomed' }>>();
    const over = createLatch();
    this.#over = over;
    const metadata = callerMetadata(this.#options.identity, this.#options.roles);
    const { agentName, agentInstance } = this.#options;
    if (agentName !== undefined) metadata.set('panelet-attachment', agentName);
    if (agentInstance !== undefined) metadata.set('panelet-agent', agentInstance);
    const call = this.grpc.attach(metadata);
    this.call = call;
    call.on('data', (message: Frames) => {
      if (this.call !== call) return;
      try {
        this.#take(message, welcomed);
      } catch (error) {
        if (!this.isTolerant) throw error;
      }
    });
    let ended = false;
    const end = (error?: ServiceError): void => {
      if (ended) return;
      ended = true;
      const refusal = error === undefined ? undefined : rpcErrorOf(error);
      if (this.call === call) {
        this.call = undefined;
        const { code, message } = refusal ?? {};
        if (code === undefined || message === undefined) this.next = this.link.ended({ kind: 'ok' });
        else if (code === 'TRANSPORT_LOST') this.next = this.link.ended({ kind: 'transport' });
        else this.next = this.link.ended({ kind: 'refused', code, message });
      }
      welcomed.reject(refusal ?? new Error('The RPC ended with OK before a Welcome.'));
      over.resolve();
    };
    call.on('error', (error: ServiceError) => end(error));
    call.on('end', () => end());
    call.write(this.link.hello(crypto.randomUUID()));
    return welcomed.promise;
  }

  /** Writes bytes to the panel. */
  write(bytes: Uint8Array): void {
    this.#written.update(bytes);
    this.writtenBytes += bytes.length;
    this.link.endpoint.writeData(Channel.STDIN, bytes);
    this.pump();
  }

  /** Writes a panel event. */
  event(name: string, content: object = {}): void {
    const payload = Buffer.from(JSON.stringify(content));
    this.link.endpoint.writeEvent({ kind: { $case: 'panel', value: { name, payload } } });
    this.pump();
  }

  /** Ends the input. */
  fin(): void {
    this.link.endpoint.writeFin();
    this.pump();
  }

  /** Sends what the endpoint has. */
  pump(): void {
    if (!this.link.attached || this.call === undefined) return;
    for (;;) {
      const message = this.link.endpoint.pull(this.link.endpoint.ackUrgency() !== 'none');
      if (message === undefined) return;
      this.call.write(message);
    }
  }

  /** Breaks the attachment as a lost connection would. */
  async cut(): Promise<void> {
    const over = this.#over;
    // A paused call tells its end only after what it holds was read, and nobody reads that any more.
    this.call?.removeAllListeners('data');
    this.call?.cancel();
    this.call?.resume();
    await over?.promise;
  }

  /** Attaches again; what a connection that was cut still says is no answer. */
  async comeBack(): ReturnType<LinkClient['attach']> {
    for (;;) {
      try {
        return await this.attach();
      } catch (error) {
        if (!isPaneletError(error, 'TRANSPORT_LOST')) throw error;
      }
    }
  }

  /** Resolves when the attachment is over. */
  async over(): Promise<void> {
    await this.#over?.promise;
  }

  /** Resolves when every byte written has come back. */
  async echoed(): Promise<void> {
    await waitFor(`${this.writtenBytes} bytes come back`, () => this.receivedBytes >= this.writtenBytes);
  }

  /** True when what came back is what was written. */
  get isExact(): boolean {
    return (
      this.receivedBytes === this.writtenBytes &&
      this.#received.copy().digest('hex') === this.#written.copy().digest('hex')
    );
  }

  /** Forgets what was counted, after a loss that was told. */
  recount(): void {
    this.receivedBytes = 0;
    this.writtenBytes = 0;
    this.#received = createHash('sha256');
    this.#written = createHash('sha256');
  }

  /** Drain phases that were told, in order. */
  drains(): number[] {
    return this.effects.flatMap((effect) => (effect.kind === 'drain' ? [effect.drain.phase] : []));
  }

  /** Content of the panel events of a name. */
  panelEvents(name: string): Record<string, unknown>[] {
    return this.items.flatMap((item) => {
      if (item.kind !== 'event' || item.event.kind?.$case !== 'panel' || item.event.kind.value.name !== name) return [];
      return [JSON.parse(item.event.kind.value.payload.toString()) as Record<string, unknown>];
    });
  }

  /** Its next attachment is over another agent. */
  goTo(address: string): void {
    this.grpc.close();
    this.grpc = createAgentClient(address);
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.cut();
    this.grpc.close();
  }

  /** Takes what the endpoint has for reading. */
  read(): void {
    for (let item = this.link.endpoint.read(); item !== undefined; item = this.link.endpoint.read()) this.#item(item);
  }

  #item(item: InputItem): void {
    if (item.kind !== 'data') {
      this.items.push(item);
      return;
    }
    this.receivedBytes += item.payload.length;
    this.#received.update(item.payload);
  }

  #take(message: Frames, welcomed: Latch<Extract<ClientEffect, { kind: 'welcomed' }>>): void {
    for (const effect of this.link.receive(message)) {
      this.effects.push(effect);
      if (effect.kind === 'send') this.call?.write(effect.message);
      if (effect.kind === 'lost') this.losses.push(effect.loss);
      if (effect.kind !== 'welcomed') continue;
      for (const item of effect.leftover) this.#item(item);
      welcomed.resolve(effect);
    }
    if (this.reads) this.read();
    this.pump();
  }
}

function createAgentClient(address: string): SessionServiceClient {
  return new SessionServiceClient(address, credentials.createInsecure(), clientOptions);
}

/** A gRPC client of a worker's sessions. */
export function createSessionClient(socket: string): SessionServiceClient {
  return new SessionServiceClient(`unix:${socket}`, credentials.createInsecure(), clientOptions);
}

/** Settings of every gRPC client in these tests: nothing is retried or shared behind their back. */
export const clientOptions = {
  'grpc.per_rpc_retry_buffer_size': 0,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
};

/** What an agent would say about a caller. */
export function callerMetadata(identity = 'alice', roles = 'client'): Metadata {
  const metadata = new Metadata();
  metadata.set('panelet-identity', identity);
  metadata.set('panelet-roles', roles);
  return metadata;
}

import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { createLatch, type Latch } from '#common/time/latch.js';
import {
  AttachMode,
  Channel,
  type Frames,
  type ListSessionsResponse,
  type SessionServiceClient,
} from '#proto/session/v1/session.js';
import { createClientLink, type ClientEffect, type ClientLink, type ClientNext } from '#session/client/client-link.js';
import { ask } from './gate-calls.js';
import { callerMetadata, createSessionClient } from './link-client.js';
import { rpcErrorOf } from './rpc-error.js';

type Call = ClientDuplexStream<Frames, Frames>;

/** What an attachment goes over. */
export interface MovingPath {
  /** Instance of the agent. @default 'a' */
  readonly agent?: string;
  /** Socket of the worker. @default that of the first one */
  readonly socket?: string;
}

/** A client that may have two attachments, over real gRPC. */
export class MovingClient {
  readonly link: ClientLink;
  readonly effects: ClientEffect[] = [];
  /** False: what the worker says over a next attachment is kept back. */
  hears = true;
  readonly kept: (() => void)[] = [];
  /** False: what the worker has to hear is kept back. */
  speaks = true;
  written = '';
  received = '';
  /** Codes of the attachments that were refused. */
  readonly refusals: string[] = [];
  readonly #grpcs = new Map<string, SessionServiceClient>();
  readonly #socket: string;
  readonly #calls = new Map<string, Call>();

  constructor(socket: string, takesMoves = true) {
    this.#socket = socket;
    this.link = createClientLink({
      ...{ panel: 'echo', sessionId: crypto.randomUUID(), clientId: crypto.randomUUID() },
      ...{ mode: AttachMode.OPEN, takesMoves },
    });
  }

  /** Kinds of what was told besides Welcomes. */
  get told(): readonly string[] {
    return this.effects.map(({ kind }) => kind).filter((kind) => kind !== 'welcomed');
  }

  /** Opens an attachment, beside another one if it moves. @returns what tells of its end */
  attach(moves: boolean, { agent = 'a', socket = this.#socket }: MovingPath = {}): Latch<ClientNext | undefined> {
    const nonce = crypto.randomUUID();
    const over = createLatch<ClientNext | undefined>();
    const metadata = callerMetadata();
    metadata.set('panelet-agent', agent);
    const call = this.#grpc(socket).attach(metadata);
    this.#calls.set(nonce, call);
    call.on('data', (message: Frames) => this.#take(message, nonce));
    call.on('error', (error: ServiceError) => {
      const { code, message } = rpcErrorOf(error);
      const isLost = code === 'TRANSPORT_LOST';
      if (!isLost) this.refusals.push(code);
      over.resolve(this.link.ended(isLost ? { kind: 'transport' } : { kind: 'refused', code, message }, nonce));
    });
    call.on('end', () => over.resolve(this.link.ended({ kind: 'ok' }, nonce)));
    call.write(this.link.hello(nonce, { moves }));
    return over;
  }

  write(text: string): void {
    this.written += text;
    this.link.endpoint.writeData(Channel.STDIN, Buffer.from(text));
    this.pump();
  }

  pump(): void {
    const call = this.#calls.get(this.link.attachedAs ?? '');
    if (call === undefined || !this.speaks) return;
    const { endpoint } = this.link;
    for (let message = endpoint.pull(true); message !== undefined; message = endpoint.pull(true)) call.write(message);
  }

  close(): void {
    for (const call of this.#calls.values()) call.cancel();
    for (const grpc of this.#grpcs.values()) grpc.close();
  }

  /** Resolves when what was sent so far over this connection has arrived. */
  arrived(): Promise<ListSessionsResponse> {
    return ask((done) => this.#grpc(this.#socket).listSessions({ panel: '' }, callerMetadata(), done));
  }

  #grpc(socket: string): SessionServiceClient {
    const grpc = this.#grpcs.get(socket) ?? createSessionClient(socket);
    this.#grpcs.set(socket, grpc);
    return grpc;
  }

  #take(message: Frames, nonce: string): void {
    if (!this.hears && this.link.attached && nonce !== this.link.attachedAs) {
      this.kept.push(() => this.#take(message, nonce));
      return;
    }
    this.effects.push(...this.link.receive(message, nonce));
    const { endpoint } = this.link;
    for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) {
      if (item.kind === 'data') this.received += Buffer.from(item.payload).toString();
    }
    this.pump();
  }
}

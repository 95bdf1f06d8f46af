import { EventEmitter } from 'node:events';
import { connectivityState, Metadata, status } from '@grpc/grpc-js';
import type { NodeAddress } from '#client/connect/address-book.js';
import type { ChannelLease, ChannelPool } from '#client/connect/channel-pool.js';
import type { PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Frames, Hello, SessionServiceClient } from '#proto/session/v1/session.js';
import { overTheWire } from '#session/model/wire-end.js';

/** An Attach call of a client, played by a test. */
export class ScriptedCall extends EventEmitter {
  readonly address: string;
  readonly metadata: Metadata;
  /** What the client has sent and the test has not taken, the Hello first. */
  readonly sent: Frames[] = [];
  isCancelled = false;

  constructor(address: string, metadata: Metadata) {
    super();
    this.address = address;
    this.metadata = metadata;
  }

  get hello(): Hello {
    const kind = this.sent[0]?.frames[0]?.kind;
    if (kind?.$case !== 'hello') throw new Error('The client said no hello.');
    return kind.value;
  }

  write(message: Frames): boolean {
    this.sent.push(overTheWire(message));
    return true;
  }

  end(): void {
    // The test says when the call is over.
  }

  cancel(): void {
    this.isCancelled = true;
  }

  say(...messages: readonly Frames[]): void {
    for (const message of messages) this.emit('data', overTheWire(message));
  }

  endOk(): void {
    this.emit('end');
    this.emit('status', { code: status.OK, details: '', metadata: new Metadata() });
  }

  cut(): void {
    this.emit('status', { code: status.UNAVAILABLE, details: 'cut', metadata: new Metadata() });
  }

  refuse(error: PaneletError): void {
    this.emit('status', statusOf(error));
  }
}

/** Agents that a test plays: every address takes a connection at once, unless it is silent. */
export class ScriptedAgents implements ChannelPool {
  readonly calls: ScriptedCall[] = [];
  /** Shares that were asked for, with the node each. */
  readonly leased: NodeAddress[] = [];
  /** Addresses of which shares were taken out of use for others. */
  readonly retired: string[] = [];
  /** Addresses that give no answer. */
  readonly silent = new Set<string>();
  size = 0;
  /** By address: channels that are not retired are shared. */
  readonly #channels = new Map<string, SessionServiceClient>();

  lease(address: string, node: string): ChannelLease {
    this.leased.push({ address, node });
    this.size += 1;
    let isReleased = false;
    const client = this.#channels.get(address) ?? this.#client(address);
    this.#channels.set(address, client);
    return {
      client,
      address,
      leadsTo: () => undefined,
      retire: () => {
        this.retired.push(address);
        if (this.#channels.get(address) === client) this.#channels.delete(address);
      },
      release: () => {
        if (!isReleased) this.size -= 1;
        isReleased = true;
      },
    };
  }

  close(): void {
    // Nothing is open.
  }

  #client(address: string): SessionServiceClient {
    const state = this.silent.has(address) ? connectivityState.CONNECTING : connectivityState.READY;
    const client = {
      getChannel: () => ({ getConnectivityState: () => state, watchConnectivityState: () => undefined }),
      attach: (metadata: Metadata) => {
        const call = new ScriptedCall(address, metadata);
        this.calls.push(call);
        return call;
      },
    };
    return client as unknown as SessionServiceClient;
  }
}

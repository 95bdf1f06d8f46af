import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { createLatch, type Latch } from '#common/time/latch.js';
import { AttachMode, Channel, type Frames, type SessionServiceClient } from '#proto/session/v1/session.js';
import { createClientLink, type ClientEffect, type ClientLink, type ClientNext } from '#session/client/client-link.js';
import { callerMetadata, createSessionClient } from '#test/support/link-client.js';
import { startRunningWorker, type RunningWorker } from '#test/support/running-worker.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(60_000);

type Call = ClientDuplexStream<Frames, Frames>;

/** A client that may have two attachments, over real gRPC. */
class MovingClient {
  readonly link: ClientLink = createClientLink({
    panel: 'echo',
    sessionId: crypto.randomUUID(),
    clientId: crypto.randomUUID(),
    mode: AttachMode.OPEN,
  });
  readonly effects: ClientEffect[] = [];
  written = '';
  received = '';
  readonly #grpc: SessionServiceClient;
  readonly #calls = new Map<string, Call>();

  constructor(socket: string) {
    this.#grpc = createSessionClient(socket);
  }

  /** Opens an attachment, beside another one if it moves. @returns what tells of its end */
  attach(moves: boolean): Latch<ClientNext | undefined> {
    const nonce = crypto.randomUUID();
    const over = createLatch<ClientNext | undefined>();
    const call = this.#grpc.attach(callerMetadata());
    this.#calls.set(nonce, call);
    call.on('data', (message: Frames) => this.#take(message, nonce));
    call.on('error', () => undefined);
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
    if (call === undefined) return;
    const { endpoint } = this.link;
    for (let message = endpoint.pull(true); message !== undefined; message = endpoint.pull(true)) call.write(message);
  }

  close(): void {
    for (const call of this.#calls.values()) call.cancel();
    this.#grpc.close();
  }

  #take(message: Frames, nonce: string): void {
    this.effects.push(...this.link.receive(message, nonce));
    const { endpoint } = this.link;
    for (let item = endpoint.read(); item !== undefined; item = endpoint.read()) {
      if (item.kind === 'data') this.received += Buffer.from(item.payload).toString();
    }
    this.pump();
  }
}

describe('a client with two attachments at a worker', () => {
  let running: RunningWorker;
  let client: MovingClient;

  beforeEach(async () => {
    running = await startRunningWorker();
    client = new MovingClient(running.socket);
  });
  afterEach(async () => {
    client.close();
    await running.stop();
  });

  test('writes on while it moves, again and again, and loses nothing', async () => {
    let over = client.attach(false);
    await waitFor('the first Welcome', () => client.link.attached);
    for (let round = 1; round <= 10; round += 1) {
      const { attachedAs } = client.link;
      const next = client.attach(true);
      for (let part = 0; part < 50; part += 1) client.write(`${round}.${part} `);
      await waitFor('the next Welcome', () => client.link.attachedAs !== attachedAs);
      client.write(`moved ${round} `);
      // Its own next attachment has taken over: nothing follows.
      expect(await over.promise).toBeUndefined();
      over = next;
    }
    await waitFor('everything is back', () => client.received.length >= client.written.length);
    expect(client.received).toBe(client.written);
    const told = client.effects.filter(({ kind }) => kind !== 'detach');
    expect(told.map((effect) => effect.kind === 'welcomed' && effect.moved)).toEqual([
      false,
      ...Array<boolean>(10).fill(true),
    ]);
  });
});

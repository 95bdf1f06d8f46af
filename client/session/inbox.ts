import type { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Endpoint, InputItem } from '#session/endpoint/endpoint.js';
import { readChannelOf } from './channels.js';
import type { SessionItem } from './panelet-session.js';

/** What an inbox is made with. */
export interface InboxDeps {
  readonly endpoint: () => Endpoint;
  /** Called after the endpoint was read from: it may have something to acknowledge, and credit to give. */
  readonly onRead: () => void;
}

/**
 * What is to be read: first what was put here, then what waits in the endpoint. It pulls: an item leaves the endpoint, and so
 * makes room for another, only when a reader takes it.
 */
export class Inbox {
  readonly #deps: InboxDeps;
  readonly #items: SessionItem[] = [];
  readonly #readers: Latch<SessionItem | undefined>[] = [];
  #closed: { readonly error: PaneletError | undefined; last: SessionItem | undefined } | undefined;
  #finished = false;
  #bytesIn = 0;

  constructor(deps: InboxDeps) {
    this.#deps = deps;
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Puts an item before everything that the endpoint has. */
  put(item: SessionItem): void {
    this.#items.push(item);
  }

  /** Puts what an earlier endpoint had left. */
  putUnread(inputs: readonly InputItem[]): void {
    for (const input of inputs) {
      const item = itemOf(input);
      if (item !== undefined) this.#items.push(item);
    }
  }

  /** Drops the items that a snapshot replaces. */
  dropOutput(): void {
    const kept = this.#items.filter((item) => item.kind === 'lost' || item.kind === 'exit');
    this.#items.splice(0, this.#items.length, ...kept);
  }

  /** The next item; undefined at the end. @throws the error it was closed with. */
  next(): Promise<SessionItem | undefined> {
    const latch = createLatch<SessionItem | undefined>();
    this.#readers.push(latch);
    this.wake();
    return latch.promise;
  }

  /** Hands out what readers wait for. */
  wake(): void {
    while (this.#readers.length > 0) {
      const item = this.#take();
      if (item === undefined && !this.#finished && this.#closed === undefined) return;
      const reader = this.#readers.shift();
      if (item === undefined && !this.#finished && this.#closed?.error !== undefined)
        reader?.reject(this.#closed.error);
      else reader?.resolve(item);
    }
  }

  /** Nothing more will arrive: readers get the rest, `last` if the output did not come to its end, and the end or the error. */
  close(error: PaneletError | undefined, last?: SessionItem): void {
    this.#closed ??= { error, last };
    this.wake();
  }

  #take(): SessionItem | undefined {
    const item = this.#finished ? undefined : (this.#items.shift() ?? this.#fromEndpoint() ?? this.#takeLast());
    if (item?.kind === 'fin') this.#finished = true;
    if (item?.kind === 'data') this.#bytesIn += item.payload.length;
    return item;
  }

  #fromEndpoint(): SessionItem | undefined {
    const { endpoint, onRead } = this.#deps;
    for (let input = endpoint().read(); input !== undefined; input = endpoint().read()) {
      onRead();
      const item = itemOf(input);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  #takeLast(): SessionItem | undefined {
    const last = this.#closed?.last;
    if (this.#closed !== undefined) this.#closed.last = undefined;
    return last;
  }
}

function itemOf(input: InputItem): SessionItem | undefined {
  switch (input.kind) {
    case 'data':
      return { ...input, channel: readChannelOf(input.channel) };
    case 'fin':
      return input;
    case 'event': {
      const { event, seq } = input;
      if (event.kind?.$case === 'exitStatus') {
        const { code, signal } = event.kind.value;
        return { kind: 'exit', seq, code, signal: signal === '' ? undefined : signal };
      }
      if (event.kind?.$case === 'panel') return { kind: 'event', seq, ...event.kind.value };
      return undefined;
    }
  }
}

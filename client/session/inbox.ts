import type { PaneletError } from '#common/errors/errors.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Endpoint, InputItem } from '#session/endpoint/endpoint.js';
import type { SessionItem } from './panelet-session.js';

/** What is to be read: first what was put here, then what waits in the endpoint. */
export interface Inbox {
  /** Puts an item before everything that the endpoint has. */
  put(item: SessionItem): void;
  /** Puts what an earlier endpoint had left. */
  putUnread(items: readonly InputItem[]): void;
  /** Drops the items that a snapshot replaces. */
  dropOutput(): void;
  /** Hands out what readers wait for. */
  wake(): void;
  /** The next item; undefined at the end. @throws the error it was closed with. */
  next(): Promise<SessionItem | undefined>;
  /** Nothing more will arrive: readers get the rest, `last` if the output did not come to its end, and the end or the error. */
  close(error: PaneletError | undefined, last?: SessionItem): void;
  readonly bytesIn: number;
}

/** What an inbox is made with. */
export interface InboxDeps {
  readonly endpoint: () => Endpoint;
  /** Called after the endpoint was read from: it may have something to acknowledge, and credit to give. */
  readonly onRead: () => void;
}

function itemOf(input: InputItem): SessionItem | undefined {
  switch (input.kind) {
    case 'data':
      return input;
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

/** An inbox that pulls: an item leaves the endpoint, and so makes room for another, only when a reader takes it. */
export function createInbox(deps: InboxDeps): Inbox {
  const items: SessionItem[] = [];
  const readers: Latch<SessionItem | undefined>[] = [];
  let closed: { readonly error: PaneletError | undefined; last: SessionItem | undefined } | undefined;
  let finished = false;
  let bytesIn = 0;
  const fromEndpoint = (): SessionItem | undefined => {
    for (let input = deps.endpoint().read(); input !== undefined; input = deps.endpoint().read()) {
      deps.onRead();
      const item = itemOf(input);
      if (item !== undefined) return item;
    }
    return undefined;
  };
  const takeLast = (): SessionItem | undefined => {
    const last = closed?.last;
    if (closed !== undefined) closed.last = undefined;
    return last;
  };
  const take = (): SessionItem | undefined => {
    const item = finished ? undefined : (items.shift() ?? fromEndpoint() ?? takeLast());
    if (item?.kind === 'fin') finished = true;
    if (item?.kind === 'data') bytesIn += item.payload.length;
    return item;
  };
  const wake = (): void => {
    while (readers.length > 0) {
      const item = take();
      if (item === undefined && !finished && closed === undefined) return;
      const reader = readers.shift();
      if (item === undefined && !finished && closed?.error !== undefined) reader?.reject(closed.error);
      else reader?.resolve(item);
    }
  };
  return {
    put: (item) => void items.push(item),
    putUnread: (inputs) => {
      for (const input of inputs) {
        const item = itemOf(input);
        if (item !== undefined) items.push(item);
      }
    },
    dropOutput: () => {
      const kept = items.filter((item) => item.kind === 'lost' || item.kind === 'exit');
      items.splice(0, items.length, ...kept);
    },
    wake,
    next: () => {
      const latch = createLatch<SessionItem | undefined>();
      readers.push(latch);
      wake();
      return latch.promise;
    },
    close: (error, last) => {
      closed ??= { error, last };
      wake();
    },
    get bytesIn() {
      return bytesIn;
    },
  };
}

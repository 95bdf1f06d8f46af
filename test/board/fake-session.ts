import type { WebSocket } from 'ws';
import type { ViewNews, ViewRequest } from '#client/board/wire/session.js';

const creditBytes = 256 * 1024;

/** A session of the fake server: a program that echoes what is typed, with views that see the same bytes. */
export class FakeSession {
  readonly id: string;
  readonly node: string;
  readonly panel: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly requests: ViewRequest[] = [];
  readonly views = new Set<FakeView>();
  /** Of its screen, as the page said last. */
  columns: number;
  /** All that was typed. */
  input = '';
  #output = Buffer.alloc(0);

  constructor(id: string, open: Extract<ViewRequest, { readonly kind: 'open' }>) {
    this.columns = open.columns;
    this.id = id;
    this.node = open.node;
    this.panel = open.panel;
    this.parameters = open.parameters;
  }

  attach(socket: WebSocket, replayed: boolean): FakeView {
    const view = new FakeView(socket);
    this.views.add(view);
    socket.on('close', () => this.views.delete(view));
    view.tell({
      kind: 'opened',
      session: this.id,
      node: this.node,
      replayed,
      seenBytes: replayed ? this.#output.length : 0,
    });
    view.write(this.#output);
    return view;
  }

  /** The program prints something. */
  print(text: string | Buffer): void {
    const bytes = Buffer.from(text as string);
    this.#output = Buffer.concat([this.#output, bytes]).subarray(-2 * creditBytes);
    for (const view of this.views) view.write(bytes);
  }

  type(bytes: Buffer): void {
    this.input += bytes.toString();
    this.print(bytes.toString().replaceAll('\r', '\r\n$ '));
  }

  tell(news: ViewNews): void {
    for (const view of this.views) view.tell(news);
  }
}

/** A view of it: what it may be sent is bounded by what it has shown. */
export class FakeView {
  readonly #socket: WebSocket;
  #waiting = Buffer.alloc(0);
  sent = 0;
  shown = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  write(bytes: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, bytes]);
    this.#flush();
  }

  wasShown(bytes: number): void {
    if (bytes > this.sent || bytes < this.shown)
      throw new Error(`${bytes} of ${this.sent} bytes are said to be shown.`);
    this.shown = bytes;
    this.#flush();
  }

  tell(news: ViewNews): void {
    this.#socket.send(JSON.stringify(news));
  }

  #flush(): void {
    const mayGo = this.#waiting.subarray(0, Math.max(0, creditBytes - (this.sent - this.shown)));
    if (mayGo.length === 0) return;
    this.#waiting = this.#waiting.subarray(mayGo.length);
    this.sent += mayGo.length;
    // In pieces that cut characters in two.
    for (let at = 0; at < mayGo.length; at += 16_383) this.#socket.send(mayGo.subarray(at, at + 16_383));
  }
}

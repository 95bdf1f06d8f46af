import { WebSocket } from 'ws';
import type {
  BoardCluster,
  BoardEvent,
  BoardNode,
  BoardPod,
  BoardRestart,
  BoardTarget,
  LiveMessage,
} from '#client/board/wire/live.js';
import type { KeyAnswer } from '#client/board/wire/requests.js';
import type { ViewNews, ViewRequest } from '#client/board/wire/session.js';

type FirstOfView = Extract<ViewRequest, { readonly kind: 'open' | 'attach' }>;
type WithoutKey<Request> = Request extends unknown ? Omit<Request, 'key'> : never;

/** A page of the board without a browser: does what the page does with what the server says. */
export class BoardPage {
  readonly origin: string;
  readonly pods = new Map<string, BoardPod>();
  readonly restarts = new Map<string, BoardRestart>();
  readonly nodes = new Map<string, BoardNode>();
  readonly troubles = new Map<string, string>();
  readonly events: BoardEvent[] = [];
  /** Every state of every restart, in order. */
  readonly seen: BoardRestart[] = [];
  targets: readonly BoardTarget[] = [];
  cluster: BoardCluster | undefined;
  readonly #key: string;
  readonly #sockets: WebSocket[] = [];

  private constructor(origin: string, key: string) {
    this.origin = origin;
    this.#key = key;
  }

  /** Goes to an address with a token. @throws when that is not let in */
  static async visit(address: string): Promise<BoardPage> {
    const [origin = '', token = ''] = address.split('/#token=');
    const answer = await postJson(origin, '/key', { token }, {});
    if (!answer.ok) throw new Error(`The board answers ${answer.status}.`);
    return new BoardPage(origin, ((await answer.json()) as KeyAnswer).key);
  }

  /** Asks for something. @returns the status and the answer */
  async post(path: string, body: object): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const answer = await postJson(this.origin, path, body, { 'panelet-key': this.#key });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Follows what is live, and shows these nodes. */
  async follow(nodes: readonly string[] = []): Promise<void> {
    const socket = await this.#open('/live');
    socket.on('message', (data) => this.#take(JSON.parse((data as Buffer).toString()) as LiveMessage));
    for (const message of [
      { kind: 'hello', key: this.#key },
      { kind: 'show', nodes },
    ]) {
      socket.send(JSON.stringify(message));
    }
  }

  /** Opens or attaches to a session. */
  async view(first: WithoutKey<FirstOfView>): Promise<BoardView> {
    const socket = await this.#open('/session');
    const view = new BoardView(socket);
    socket.send(JSON.stringify({ ...first, key: this.#key }));
    return view;
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #open(path: string): Promise<WebSocket> {
    const socket = new WebSocket(this.origin.replace('http', 'ws') + path, { origin: this.origin });
    this.#sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
    });
  }

  #take(message: LiveMessage): void {
    switch (message.kind) {
      case 'cluster':
        this.cluster = message.cluster;
        break;
      case 'pods':
        for (const pod of message.changed) this.pods.set(pod.uid, pod);
        for (const uid of message.gone) this.pods.delete(uid);
        break;
      case 'restarts':
        for (const restart of message.changed) this.restarts.set(restart.uid, restart);
        for (const uid of message.gone) this.restarts.delete(uid);
        this.seen.push(...message.changed);
        break;
      case 'targets':
        this.targets = message.targets;
        break;
      case 'events':
        this.events.push(...message.events);
        break;
      case 'node':
        this.nodes.set(message.node.node, message.node);
        break;
      case 'trouble':
        if (message.text === undefined) this.troubles.delete(message.of);
        else this.troubles.set(message.of, message.text);
        break;
    }
  }
}

/** A view of a session. Shows all that comes, unless told to be slow. */
export class BoardView {
  readonly said: ViewNews[] = [];
  readonly #pieces: Buffer[] = [];
  readonly #socket: WebSocket;
  /** Shows nothing of what comes from now on. */
  isSlow = false;
  bytes = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data, isBinary) => {
      if (!isBinary) {
        this.said.push(JSON.parse((data as Buffer).toString()) as ViewNews);
        return;
      }
      this.#pieces.push(data as Buffer);
      this.bytes += (data as Buffer).length;
      if (!this.isSlow) this.show();
    });
  }

  /** Everything that came so far. */
  get output(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  get text(): string {
    return this.output.toString('latin1');
  }

  /** Id of its session, once it is open. */
  get session(): string | undefined {
    return this.said.find((news) => news.kind === 'opened')?.session;
  }

  /** What came is on the screen. */
  show(): void {
    this.ask({ kind: 'shown', bytes: this.bytes });
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(text), { binary: true });
  }

  ask(request: ViewRequest): void {
    this.#socket.send(JSON.stringify(request));
  }

  close(): void {
    this.#socket.close();
  }
}

function postJson(origin: string, path: string, body: object, more: Record<string, string>): Promise<Response> {
  const headers = { origin, 'content-type': 'application/json', ...more };
  return fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

import { setMaxListeners } from 'node:events';
import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { listenOn } from '#common/http/listen.js';
import { sleep, type Clock } from '#common/time/clock.js';
import type { BoardRefusal, KeyRequest } from '../wire/requests.js';
import { tryAgainCloseCode, wrongKeyCloseCode } from '../wire/close-codes.js';
import { awaitHello } from './await-hello.js';
import { boardHeaders } from './board-headers.js';
import type { DoorKeys } from './door-keys.js';
import {
  doorOrigin,
  judgeRequest,
  type PostPath,
  type RequestFacts,
  type SocketPath,
  type RequestVerdict,
} from './judge-request.js';
import type { PageFile } from './page-files.js';
import { readBody } from './read-body.js';
import { createStrangers, type Strangers } from './strangers.js';

/** An answer to a request, as JSON. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}

/** What is behind the door, for those who have a key. */
export interface DoorRooms {
  /** Does what the page asks for; the body is any JSON. */
  act(path: Exclude<PostPath, '/key'>, body: unknown): Promise<JsonAnswer>;
  /** Takes a WebSocket of which the first message, already read, has shown a key. */
  enter(path: SocketPath, socket: WebSocket, first: unknown): void;
}

/** What a door is made with. */
export interface BoardDoorDeps extends DoorRooms {
  /** 0 for any that is free. */
  readonly port: number;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly keys: DoorKeys;
  readonly clock: Clock;
  /** A token was traded for a key. */
  readonly onKey?: () => void;
}

/** The HTTP server of the board, on this machine's loopback. */
export interface BoardDoor {
  readonly port: number;
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** Stops listening and ends every connection. Resolves when they are gone. */
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
const mostBodyBytes = 16 * 1024;
/** Cookies of all other ports come along. */
const maxHeaderSize = 64 * 1024;
const mostStrangers = 64;
const mostSockets = 64;
/** Of input that a view pastes at once. */
const mostMessageBytes = 1024 * 1024;
const timeouts = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };
const helloMs = 5_000;
/** What a wrong secret waits for its answer. Nobody else waits with it. */
const wrongSecretMs = 1_000;
const goingAway = 1001;

/** Opens the door. @throws PORT_TAKEN when something else listens on the port. */
export async function openBoardDoor(deps: BoardDoorDeps): Promise<BoardDoor> {
  const door = new HttpDoor(deps);
  await door.listen();
  return door;
}

class HttpDoor implements BoardDoor {
  readonly #deps: BoardDoorDeps;
  readonly #server = createServer({ ...timeouts, maxHeaderSize, connectionsCheckingInterval: 1_000 });
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: mostMessageBytes, perMessageDeflate: false });
  readonly #strangers: Strangers<Duplex>;
  readonly #connections = new Set<Socket>();
  readonly #closing = new AbortController();
  /** WebSockets that have shown a key. */
  #entered = 0;
  port = 0;

  constructor(deps: BoardDoorDeps) {
    this.#deps = deps;
    // As many wait at once as there may be strangers.
    setMaxListeners(0, this.#closing.signal);
    this.#strangers = createStrangers(mostStrangers, (connection) => connection.destroy());
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      this.#strangers.add(socket);
      socket.on('close', () => {
        this.#connections.delete(socket);
        this.#strangers.remove(socket);
      });
    });
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  get origin(): string {
    return doorOrigin(this);
  }

  async listen(): Promise<void> {
    this.port = await listenOn(this.#server, { host: loopback, port: this.#deps.port });
  }

  close(): Promise<void> {
    this.#closing.abort(new Error('The board ends.'));
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets.clients) socket.close(goingAway, 'The board has ended.');
      for (const connection of this.#connections) connection.destroy();
    });
  }

  #judge(request: IncomingMessage, isUpgrade: boolean): RequestVerdict {
    const { method = '', url = '', rawHeaders } = request;
    const facts: RequestFacts = { method, url, rawHeaders, isUpgrade };
    return judgeRequest(facts, { port: this.port, files: new Set(this.#deps.files.keys()) });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const verdict = this.#judge(request, false);
    try {
      switch (verdict.kind) {
        case 'refuse':
          sendJson(response, refusal(verdict.status, 'REFUSED', verdict.reason));
          break;
        case 'file':
          this.#sendFile(request, response, verdict.path);
          break;
        case 'post':
          sendJson(response, await this.#post(verdict.path, request));
          break;
        case 'socket':
          break;
      }
    } catch {
      // It was broken off.
      response.destroy();
    }
  }

  #sendFile({ method }: IncomingMessage, response: ServerResponse, path: string): void {
    const file = this.#deps.files.get(path);
    const length = file?.content.length ?? 0;
    response.writeHead(200, { ...boardHeaders, 'content-type': file?.type, 'content-length': length });
    response.end(method === 'HEAD' ? undefined : file?.content);
  }

  async #post(path: PostPath, request: IncomingMessage): Promise<JsonAnswer> {
    const { keys } = this.#deps;
    const given = request.headers['panelet-key'];
    if (path !== '/key') {
      if (typeof given !== 'string' || !keys.isKey(given)) return this.#wrongSecret();
      this.#strangers.remove(request.socket);
    }
    const body = await readBody(request, mostBodyBytes);
    if (body === undefined) return refusal(413, 'LIMIT_EXCEEDED', `A request has at most ${mostBodyBytes} bytes.`);
    const read = parseJson(body.toString());
    if (read === undefined) return refusal(400, 'CONFIG_INVALID', 'The request is not JSON.');
    return path === '/key' ? this.#trade(read.value) : this.#deps.act(path, read.value);
  }

  async #trade(body: unknown): Promise<JsonAnswer> {
    const { token }: { readonly [Name in keyof KeyRequest]?: unknown } = body ?? {};
    const key = typeof token === 'string' ? this.#deps.keys.trade(token) : undefined;
    if (key === undefined) return this.#wrongSecret();
    this.#deps.onKey?.();
    return { status: 200, body: { key } };
  }

  async #wrongSecret(): Promise<JsonAnswer> {
    await sleep(this.#deps.clock, wrongSecretMs, this.#closing.signal);
    return refusal(401, 'IDENTITY_MISSING', 'This way in has been used, or is too old. Open the board anew.');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const verdict = this.#judge(request, true);
    if (verdict.kind !== 'socket') {
      refuseUpgrade(socket, verdict.kind === 'refuse' ? verdict.status : 404);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#greet(verdict.path, opened, socket));
  }

  /** Lets a WebSocket in whose first message has a key. */
  #greet(path: SocketPath, socket: WebSocket, connection: Duplex): void {
    const { clock, keys } = this.#deps;
    socket.on('error', () => socket.terminate());
    awaitHello(socket, { clock, limitMs: helloMs }, ({ key, message }) => {
      if (!keys.isKey(key)) void this.#refuseLater(socket);
      else if (this.#entered >= mostSockets)
        socket.close(tryAgainCloseCode, `The board has ${mostSockets} WebSockets at most.`);
      else this.#enter(path, socket, message, connection);
    });
  }

  async #refuseLater(socket: WebSocket): Promise<void> {
    await sleep(this.#deps.clock, wrongSecretMs, this.#closing.signal).catch(() => undefined);
    socket.close(wrongKeyCloseCode, 'This key is not good (any more).');
  }

  #enter(path: SocketPath, socket: WebSocket, first: unknown, connection: Duplex): void {
    this.#strangers.remove(connection);
    this.#entered += 1;
    socket.once('close', () => (this.#entered -= 1));
    this.#deps.enter(path, socket, first);
  }
}

/** A refusal, as the page reads it. */
export function refusal(status: number, code: string, text: string): JsonAnswer {
  const body: BoardRefusal = { code, text };
  return { status, body };
}

function sendJson(response: ServerResponse, { status, body }: JsonAnswer): void {
  // What was not read of a request would be taken for the next one.
  const isBroken = status === 413 || status === 405 || status === 421;
  response.writeHead(status, {
    ...boardHeaders,
    'content-type': 'application/json; charset=utf-8',
    ...(isBroken ? { connection: 'close' } : {}),
  });
  response.end(JSON.stringify(body));
}

function refuseUpgrade(socket: Duplex, status: number): void {
  const headers = Object.entries(boardHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${headers.join('')}connection: close\r\n\r\n`);
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

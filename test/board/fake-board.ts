import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { wrongKeyCloseCode } from '#client/board/wire/close-codes.js';
import type { LiveMessage, PageMessage } from '#client/board/wire/live.js';
import type { BoardRefusal, PlanAnswer } from '#client/board/wire/requests.js';
import type { ViewRequest } from '#client/board/wire/session.js';
import { FakeSession } from './fake-session.js';

const files: Readonly<Record<string, readonly [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/board.js': ['board.js', 'text/javascript'],
  '/board.css': ['board.css', 'text/css'],
};
const policy =
  "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** What the page asked for. */
export interface AskedRequest {
  readonly path: string;
  readonly body: unknown;
}

/** The board's server as far as the page knows it, in this process: it says what a test tells it to. */
export class FakeBoard {
  readonly asked: AskedRequest[] = [];
  readonly shows: (readonly string[])[] = [];
  readonly sessions: FakeSession[] = [];
  plan: PlanAnswer = { text: 'Nothing would be lost.', podsText: '3 pods' };
  /** Answers each request that would change something with it, where it is set. */
  refusal: BoardRefusal | null = null;
  key = 'the-key';
  #port = 0;
  #server: Server | undefined;
  #said: LiveMessage[] = [];
  readonly #sockets = new Set<WebSocket>();
  readonly #live = new Set<WebSocket>();

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket, request) => this.#connect(socket, request.url ?? ''));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Ends as a process does: connections are cut; it can be started again at the same port. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Connections of pages that have said hello. */
  get pages(): number {
    return this.#live.size;
  }

  /** Says it to the pages that are there, and to those that come. */
  say(...messages: readonly LiveMessage[]): void {
    this.#said.push(...messages);
    for (const socket of this.#live) for (const message of messages) socket.send(JSON.stringify(message));
  }

  /** Pages that come hear only what is said from now on. */
  forget(): void {
    this.#said = [];
  }

  session(index: number): FakeSession {
    const session = this.sessions[index];
    if (session === undefined) throw new Error(`There is no session ${index}.`);
    return session;
  }

  #connect(socket: WebSocket, path: string): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#live.delete(socket);
    });
    socket.once('message', (data) => {
      const first = JSON.parse((data as Buffer).toString()) as PageMessage | ViewRequest;
      if (!('key' in first) || first.key !== this.key) {
        socket.close(wrongKeyCloseCode);
        return;
      }
      if (path === '/live') this.#talk(socket);
      else this.#view(socket, first as ViewRequest);
    });
  }

  #talk(socket: WebSocket): void {
    this.#live.add(socket);
    for (const message of this.#said) socket.send(JSON.stringify(message));
    socket.on('message', (data) => {
      const message = JSON.parse((data as Buffer).toString()) as PageMessage;
      if (message.kind === 'show') this.shows.push(message.nodes);
    });
  }

  #view(socket: WebSocket, first: ViewRequest): void {
    const session = this.#sessionFor(first);
    if (session === undefined) {
      socket.send(JSON.stringify({ kind: 'failed', code: 'NOT_FOUND', text: 'no such session' }));
      return;
    }
    const view = session.attach(socket, first.kind === 'attach');
    socket.on('message', (data, isBinary) => {
      if (isBinary) {
        session.type(data as Buffer);
        return;
      }
      const request = JSON.parse((data as Buffer).toString()) as ViewRequest;
      session.requests.push(request);
      if (request.kind === 'resize') session.columns = request.columns;
      if (request.kind === 'shown') view.wasShown(request.bytes);
      if (request.kind === 'terminate') session.tell({ kind: 'ended', text: 'ended by its owner', exitCode: null });
    });
  }

  #sessionFor(first: ViewRequest): FakeSession | undefined {
    if (first.kind === 'attach') return this.sessions.find(({ id }) => id === first.session);
    if (first.kind !== 'open') return undefined;
    const session = new FakeSession(`session-${this.sessions.length + 1}`, first);
    session.print(session.panel === 'terminal' ? '$ ' : '');
    this.sessions.push(session);
    return session;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    if (request.method === 'GET') {
      this.#serve(path, response);
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString()) as { token?: string };
    const answer = (status: number, what: object): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(what));
    };
    if (path === '/key') {
      if (body.token === 'good') answer(200, { key: this.key });
      else answer(401, { code: 'TOKEN', text: 'This token was used already.' });
      return;
    }
    if (request.headers['panelet-key'] !== this.key) {
      answer(401, { code: 'KEY', text: 'wrong key' });
      return;
    }
    this.asked.push({ path, body });
    if (this.refusal !== null) {
      answer(403, this.refusal);
      return;
    }
    answer(200, path === '/plan' ? this.plan : {});
  }

  #serve(path: string, response: ServerResponse): void {
    const file = files[path];
    if (file === undefined) return void response.writeHead(404).end();
    const contents = readFileSync(new URL(`../../dist/board/${file[0]}`, import.meta.url));
    response.writeHead(200, {
      'Content-Type': file[1],
      'Content-Security-Policy': policy,
      'Cache-Control': 'no-store',
    });
    response.end(contents);
  }
}

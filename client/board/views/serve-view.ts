import type { RawData, WebSocket } from 'ws';
import type { Clock } from '#common/time/clock.js';
import { PaneletError } from '#common/errors/errors.js';
import { readJsonFrame } from '../door/await-hello.js';
import { keepAlive } from '../door/keep-alive.js';
import type { ViewNews, ViewRequest } from '../wire/session.js';
import type { BoardSessions } from './board-sessions.js';
import type { SharedSession, ViewHandle } from './shared-session.js';
import { readViewRequest, type FirstRequest } from './view-request.js';

/** Where views find their sessions. */
export interface ViewRoom {
  readonly sessions: BoardSessions;
  readonly clock: Clock;
}

const normalClosure = 1000;
const invalidMessage = 1007;
/** Input that a session has not taken yet. More than anybody pastes; it waits for as long as the session is away. */
const mostInputBytes = 8 * 1024 * 1024;

/** Shows a session to a page, and hands its input on, until either has gone. */
export function serveView(socket: WebSocket, first: unknown, { sessions, clock }: ViewRoom): void {
  const request = readViewRequest(first);
  if (request?.kind !== 'open' && request?.kind !== 'attach') {
    socket.close(invalidMessage, 'A view begins with open or attach.');
    return;
  }
  const view = new SocketView(socket, request);
  const stopPings = keepAlive(socket, clock);
  const gone = new AbortController();
  socket.on('close', () => {
    stopPings();
    gone.abort(new PaneletError('TIMEOUT', 'The page has gone.'));
    view.leave();
  });
  sessions.start(request, { signal: gone.signal, onWaiting: (reason) => view.wait(reason) }).then(
    (shared) => view.begin(shared),
    (error: unknown) => view.fail(error),
  );
}

/** One WebSocket that shows a session. */
class SocketView {
  readonly #socket: WebSocket;
  readonly #size: { readonly columns: number; readonly rows: number };
  #shared: SharedSession | undefined;
  #handle: ViewHandle | undefined;
  #isGone = false;
  /** It was told that it is over: what a page sends behind that is nothing. */
  #isClosed = false;
  #isToEnd = false;
  #said = '';
  /** What has to be done in order; each begins when the one before is done. */
  #doing: Promise<unknown> = Promise.resolve();
  #waitingBytes = 0;
  /** What came before the session was there. */
  #early: (() => void)[] | undefined = [];

  constructor(socket: WebSocket, first: FirstRequest) {
    this.#socket = socket;
    this.#size = { columns: first.columns, rows: first.rows };
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (this.#isClosed) return;
      if (isBinary) this.#input(data as Buffer);
      else this.#ask(readViewRequest(readJsonFrame(data, false)));
    });
  }

  begin(shared: SharedSession): void {
    // The session waits without a view: the page may be on its way back.
    if (this.#isGone) {
      if (this.#isToEnd) shared.session.terminate().catch(() => undefined);
      return;
    }
    this.#shared = shared;
    this.#handle = shared.attach({
      news: (news) => this.#send(news),
      bytes: (bytes) => this.#socket.send(bytes, { binary: true }),
    });
    this.#resize(this.#size);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const run of early) run();
  }

  /** Why it is not there yet; each reason is said once. */
  wait({ message }: PaneletError): void {
    if (message !== this.#said) this.#send({ kind: 'note', text: message });
    this.#said = message;
  }

  fail(error: unknown): void {
    const { code, message } = PaneletError.from(error);
    this.#send({ kind: 'failed', code, text: message });
    this.#close(normalClosure);
  }

  leave(): void {
    this.#isGone = true;
    this.#handle?.leave();
  }

  #close(code: number, reason?: string): void {
    this.#isClosed = true;
    this.#socket.close(code, reason);
  }

  #send(news: ViewNews): void {
    this.#socket.send(JSON.stringify(news));
  }

  #input(bytes: Buffer): void {
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > mostInputBytes) {
      const limit = `More than ${mostInputBytes / 1024 / 1024} MiB of input wait for the session. The last was not sent.`;
      this.fail(new PaneletError('LIMIT_EXCEEDED', limit));
      return;
    }
    this.#then(async ({ session }) => {
      await session.write(bytes);
      this.#waitingBytes -= bytes.length;
    });
  }

  #ask(request: ViewRequest | undefined): void {
    switch (request?.kind) {
      case 'resize':
        this.#now(() => this.#resize(request));
        break;
      case 'shown':
        this.#handle?.shown(request.bytes);
        break;
      case 'finish':
        this.#then(({ session }) => session.end());
        break;
      case 'terminate':
        this.#isToEnd = true;
        this.#now(({ session }) => {
          session.terminate().catch((error: unknown) => this.#note(error));
        });
        break;
      default:
        this.#close(invalidMessage, 'The board does not know this message.');
    }
  }

  #resize({ columns, rows }: { readonly columns: number; readonly rows: number }): void {
    if (columns > 0 && rows > 0) this.#shared?.session.resize({ rows, cols: columns });
  }

  /** At once, or as soon as the session is there. */
  #now(run: (shared: SharedSession) => void): void {
    const shared = this.#shared;
    if (shared === undefined) this.#early?.push(() => this.#now(run));
    else run(shared);
  }

  /** After all input before it. A session that is over says so where its output is read. */
  #then(run: (shared: SharedSession) => Promise<void>): void {
    this.#now((shared) => {
      this.#doing = this.#doing.then(() => run(shared)).catch(() => undefined);
    });
  }

  #note(error: unknown): void {
    this.#send({ kind: 'note', text: PaneletError.from(error).message });
  }
}

import { createBackoff, type Backoff } from '#common/time/backoff.js';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Random } from '#common/random.js';
import { wrongKeyCloseCode } from '../../wire/close-codes.js';
import { socketAfter, type SocketEffect, type SocketEvent, type SocketLife } from './socket-life.js';

/** What a socket is made with. */
export interface LastingSocketDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, 'number'>;
  /** Path of the WebSocket at the page's own server. */
  readonly path: string;
  /** What is sent first on each connection; null when nothing is to be asked any more. */
  first(): object | null;
  /** JSON of a text frame, or the bytes of a binary one. Called only for the connection that is there now. */
  heard(data: unknown): void;
  lifeChanged(life: SocketLife): void;
}

/** A connection that is opened again for as long as it is wanted. */
export class LastingSocket {
  readonly #deps: LastingSocketDeps;
  readonly #backoff: Backoff;
  #life: SocketLife = { is: 'connecting', tries: 0 };
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;

  constructor(deps: LastingSocketDeps) {
    this.#deps = deps;
    this.#backoff = createBackoff(deps.random, { initialMs: 500, maxMs: 10_000 });
  }

  start(): void {
    this.#connect();
  }

  /** Sends JSON, or bytes; false where nobody is connected. */
  send(data: object | Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data instanceof Uint8Array ? data : JSON.stringify(data));
    return true;
  }

  /** Tries at once where it waits. */
  tryNow(): void {
    this.#take({ kind: 'due' });
  }

  end(): void {
    this.#take({ kind: 'end' });
  }

  #take(event: SocketEvent): void {
    const { life, effects } = socketAfter(this.#life, event);
    const isNew = life !== this.#life;
    this.#life = life;
    for (const effect of effects) this.#do(effect);
    if (isNew) this.#deps.lifeChanged(life);
  }

  #do(effect: SocketEffect): void {
    switch (effect) {
      case 'connect':
        this.#timer?.stop();
        {
          this.#connect();
          return;
        }
      case 'wait':
        // Never at once: a server that refuses everybody is not asked in a circle.
        this.#timer = this.#deps.clock.after(shortestWaitMs + this.#backoff.nextMs(), () =>
          this.#take({ kind: 'due' }),
        );
        return;
      case 'close':
        this.#timer?.stop();
        this.#socket?.close();
        return;
      case 'reset-backoff': {
        this.#backoff.reset();
        return;
      }
    }
  }

  #connect(): void {
    const socket = new WebSocket(
      `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${this.#deps.path}`,
    );
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.addEventListener('open', () => {
      const first = this.#deps.first();
      if (first === null) this.end();
      else socket.send(JSON.stringify(first));
    });
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (this.#socket !== socket) return;
      this.#take({ kind: 'message' });
      this.#deps.heard(typeof data === 'string' ? (JSON.parse(data) as unknown) : data);
    });
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#take({ kind: 'closed', isRefusal: code === wrongKeyCloseCode });
    });
  }
}

const shortestWaitMs = 200;

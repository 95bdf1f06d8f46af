import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '#common/time/clock.js';
import type { Log } from '#common/log.js';

/** What a door needs. */
export interface NodeDoorDeps {
  /** Address of the node. */
  readonly host: string;
  readonly port: number;
  /** Address of the pod that a new connection goes to; undefined while there is none. */
  readonly target: () => string | undefined;
  /** False while a pod has the address of the node itself. */
  readonly isFree: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps a port of a node's address reachable while the pod behind it has another address, because it came up beside the one before
 * it: passes connections on, as a Service does. Each stays with its pod.
 */
export interface NodeDoor {
  /** Looks whether there is something to pass on, and opens or closes; connections that are there stay. */
  update(): void;
  /** True while the address is its own. */
  isOpen(): boolean;
  /** Closes for good, and ends all connections. */
  close(): void;
}

// A pod that has just ended may still hold the port for a moment.
const retryMs = 50;

/** A closed door. */
export function createNodeDoor(deps: NodeDoorDeps): NodeDoor {
  return new TcpNodeDoor(deps);
}

class TcpNodeDoor implements NodeDoor {
  readonly #deps: NodeDoorDeps;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #retry: Timer | undefined;
  #over = false;

  constructor(deps: NodeDoorDeps) {
    this.#deps = deps;
  }

  update(): void {
    const { isFree, target } = this.#deps;
    const isWanted = !this.#over && isFree() && target() !== undefined;
    if (isWanted && this.#server === undefined) this.#open();
    else if (!isWanted) this.#shut();
  }

  isOpen(): boolean {
    return this.#server !== undefined;
  }

  close(): void {
    this.#over = true;
    this.#shut();
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(): void {
    const { clock, host, log, port } = this.#deps;
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#pass(socket));
    this.#server = server;
    server.on('error', (err: NodeJS.ErrnoException) => {
      if (this.#server !== server) return;
      this.#server = undefined;
      if (err.code !== 'EADDRINUSE') log.error({ err, host, port }, 'Address of the node not opened');
      this.#retry?.stop();
      this.#retry = clock.after(retryMs, () => this.update());
    });
    // It may have been shut before it came to listen.
    server.on('listening', () => {
      if (this.#server !== server) server.close();
    });
    server.listen({ host, port, exclusive: true });
  }

  /** The port is free as soon as this returns. */
  #shut(): void {
    this.#retry?.stop();
    this.#server?.close();
    this.#server = undefined;
  }

  #pass(from: Socket): void {
    const host = this.#deps.target();
    if (host === undefined) {
      from.destroy();
      return;
    }
    const to = connect({ host, port: this.#deps.port, allowHalfOpen: true });
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.pipe(other);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

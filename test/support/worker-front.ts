import { once } from 'node:events';
import { createServer, connect as connectSocket, type AddressInfo, type Socket } from 'node:net';
import { rm } from 'node:fs/promises';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status as grpcStatus,
  type ClientDuplexStream,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { rawAttach } from './agent/raw-session.js';
import { callerMetadata } from './link-client.js';

type Near = ServerDuplexStream<Buffer, Buffer>;
type Far = ClientDuplexStream<Buffer, Buffer>;

/** The least of an agent: relays attachments to worker processes beside each other, and knows nothing of sessions. */
export interface WorkerFront {
  /** `host:port` for clients. */
  readonly address: string;
  /** Sockets of the workers, the newest first: an attachment goes to the first that does not refuse it as not its own. */
  lead(sockets: readonly string[]): void;
  /** Ends every connection of clients at once, as a network does that breaks. @returns how many */
  cut(): number;
  close(): Promise<void>;
}

interface Options {
  /** A directory for its own socket. */
  readonly dir: string;
}

/** Serves on a free port of 127.0.0.1. */
export async function startWorkerFront({ dir }: Options): Promise<WorkerFront> {
  const clients = new Map<string, Client>();
  let sockets: readonly string[] = [];
  const clientOf = (socket: string): Client => {
    const made = clients.get(socket) ?? new Client(`unix:${socket}`, credentials.createInsecure(), channelOptions);
    clients.set(socket, made);
    return made;
  };
  const server = new Server();
  // Made when it is asked: one that leads no more is closed meanwhile.
  const workers = (): readonly (() => Client)[] => sockets.map((socket) => () => clientOf(socket));
  server.addService(rawCalls, {
    attach: (near: Near) => new Relay(near, workers).begin(),
    endSession: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) =>
      endSession(workers(), call.request, callback),
  });
  const path = `${dir}/front.sock`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  const wire = await startWire(path);
  return {
    address: `127.0.0.1:${wire.port}`,
    lead: (to) => {
      sockets = to;
      // As an agent, which watches its workers: no attachment waits for a connection.
      for (const socket of to) clientOf(socket).getChannel().getConnectivityState(true);
      for (const [socket, client] of clients) {
        if (to.includes(socket)) continue;
        clients.delete(socket);
        client.close();
      }
    },
    cut: () => wire.cut(),
    close: async () => {
      await wire.close();
      server.forceShutdown();
      for (const client of clients.values()) client.close();
      await rm(path, { force: true });
    },
  };
}

const endMs = 5_000;
const unaryShape = { requestStream: false, responseStream: false } as const;

const channelOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 20,
  'grpc.max_reconnect_backoff_ms': 50,
};

const rawCalls = {
  ...rawAttach,
  endSession: { ...rawAttach.attach, path: '/panelet.session.v1.SessionService/EndSession', ...unaryShape },
} as const;

/** Asks one worker after the other: whoever does not have the session refuses. */
function endSession(
  [worker, ...others]: readonly (() => Client)[],
  request: Buffer,
  callback: sendUnaryData<Buffer>,
): void {
  if (worker === undefined) {
    callback({ code: grpcStatus.UNAVAILABLE, details: 'No worker has the session.' });
    return;
  }
  const { path, requestSerialize, responseDeserialize } = rawCalls.endSession;
  const options = { deadline: new Date(performance.timeOrigin + performance.now() + endMs) };
  const done = (error: ServiceError | null, answer?: Buffer): void => {
    if (error !== null && others.length > 0) endSession(others, request, callback);
    else callback(error, answer);
  };
  worker().makeUnaryRequest(path, requestSerialize, responseDeserialize, request, callerMetadata(), options, done);
}

/** One attachment: until a worker has answered, the next one can still be asked. */
class Relay {
  readonly #near: Near;
  readonly #workers: () => readonly (() => Client)[];
  #hello: Buffer | undefined;
  #far: Far | undefined;
  #hasAnswer = false;
  #isOver = false;
  #hasLeft = false;

  constructor(near: Near, workers: () => readonly (() => Client)[]) {
    this.#near = near;
    this.#workers = workers;
  }

  begin(): void {
    const near = this.#near;
    near.sendMetadata(new Metadata());
    near.on('data', (message: Buffer) => {
      if (this.#hello === undefined) {
        this.#hello = message;
        this.#ask(this.#workers());
      } else if (this.#far?.write(message) === false) {
        near.pause();
        this.#far.once('drain', () => near.resume());
      }
    });
    near.on('end', () => {
      this.#hasLeft = true;
      this.#far?.end();
    });
    near.on('error', () => undefined);
    near.on('cancelled', () => {
      this.#isOver = true;
      this.#far?.cancel();
    });
  }

  #ask([worker, ...others]: readonly (() => Client)[]): void {
    if (worker === undefined || this.#hello === undefined) {
      this.#end({ code: grpcStatus.UNAVAILABLE, details: 'No worker takes it.', metadata: new Metadata() });
      return;
    }
    const { path, requestSerialize, responseDeserialize } = rawAttach.attach;
    const far = worker().makeBidiStreamRequest(path, requestSerialize, responseDeserialize, callerMetadata());
    this.#far = far;
    far.on('data', (message: Buffer) => {
      this.#hasAnswer = true;
      if (this.#isOver || this.#near.write(message)) return;
      far.pause();
      this.#near.once('drain', () => far.resume());
    });
    far.on('error', () => undefined);
    far.on('status', (ended) => {
      const isElsewhere = ended.code === grpcStatus.UNAVAILABLE && !this.#hasAnswer && others.length > 0;
      if (isElsewhere && !this.#isOver) this.#ask(others);
      else this.#end(ended);
    });
    far.write(this.#hello);
    if (this.#hasLeft) far.end();
  }

  #end({ code, details, metadata }: StatusObject): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (code === grpcStatus.OK) this.#near.end();
    else this.#near.emit('error', { code, details, metadata });
  }
}

interface Wire {
  readonly port: number;
  cut(): number;
  close(): Promise<void>;
}

/** The way from a port to a socket, that can be cut. */
async function startWire(path: string): Promise<Wire> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connectSocket(path);
    for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    open.add(near);
    near.once('close', () => {
      open.delete(near);
      far.destroy();
    });
    far.once('close', () => near.destroySoon());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = (): number => {
    const count = open.size;
    for (const socket of open) socket.destroy();
    return count;
  };
  return {
    port,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

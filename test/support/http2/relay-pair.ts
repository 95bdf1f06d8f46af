import {
  connect,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectSocket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relay, type RelayOptions } from '#agent/front/upstream/relay.js';
import { startHostileWorker, type HostileCall, type HostileWorker } from './hostile-worker.js';

/** What a client got for one call. */
export interface Outcome {
  readonly headers: IncomingHttpHeaders;
  readonly data: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly rstCode: number | undefined;
}

/** One call of a client, over HTTP/2 without gRPC in between. */
export interface ClientCall {
  readonly stream: ClientHttp2Stream;
  /** Resolves when the stream is over. */
  readonly outcome: Promise<Outcome>;
}

/** A client and a worker with a relay in this process between them. */
export interface RelayPair {
  readonly worker: HostileWorker;
  /** Streams between relay and worker that are not over. */
  openUpstreams(): number;
  call(): ClientCall;
  close(): Promise<void>;
}

/** How the relay of a pair is set up. */
export interface RelayPairOptions extends Omit<RelayOptions, 'client' | 'upstream' | 'head'> {
  /** Called with both streams before they are joined. */
  readonly prepare?: (client: ServerHttp2Stream, upstream: ClientHttp2Stream) => void;
}

/** Joins each call of a client to a stream of its own at a hostile worker. */
export async function startRelayPair(
  answer: (call: HostileCall) => void,
  { prepare, ...options }: RelayPairOptions = {},
): Promise<RelayPair> {
  const dir = await mkdtemp(join(tmpdir(), 'panelet-relay-'));
  const socketPath = join(dir, 'worker.sock');
  const worker = await startHostileWorker(socketPath, answer);
  const upstreams = new Set<ClientHttp2Stream>();
  const back = connect('http://localhost', {
    createConnection: () => connectSocket(socketPath),
    settings: { enablePush: false },
  });
  back.on('error', () => undefined);
  const server = createServer();
  server.on('sessionError', () => undefined);
  server.on('stream', (client) => {
    const upstream = back.request({ ':method': 'POST', ':path': '/x' }, { endStream: false });
    upstreams.add(upstream);
    upstream.once('close', () => upstreams.delete(upstream));
    prepare?.(client, upstream);
    relay({ client, upstream, ...options });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  front.on('error', () => undefined);
  return {
    worker,
    openUpstreams: () => upstreams.size,
    call: () => callThrough(front),
    close: async () => {
      front.destroy();
      back.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await worker.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function callThrough(front: ClientHttp2Session): ClientCall {
  const stream = front.request(
    { ':method': 'POST', ':path': '/x', 'content-type': 'application/grpc' },
    { endStream: false },
  );
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (block) => {
    headers = block;
  });
  stream.on('trailers', (block: IncomingHttpHeaders) => {
    trailers = block;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // The answer is complete; a stream whose client keeps its half would stay open.
  stream.on('end', () => stream.end());
  stream.on('error', () => undefined);
  const outcome = new Promise<Outcome>((resolve) => {
    stream.on('close', () => resolve({ headers, trailers, data: Buffer.concat(chunks), rstCode: stream.rstCode }));
  });
  return { stream, outcome };
}

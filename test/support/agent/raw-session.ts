import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { AttachMode, Frames } from '#proto/session/v1/session.js';

const identity = (bytes: Buffer): Buffer => bytes;

/** Attach with messages as bytes. */
export const rawAttach = {
  attach: {
    path: '/panelet.session.v1.SessionService/Attach',
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as const;

/** One attachment as a raw worker sees it. */
export type RawCall = ServerDuplexStream<Buffer, Buffer>;
/** One attachment as a raw client sees it. */
export type RawStream = ClientDuplexStream<Buffer, Buffer>;

/** A grpc-js server on a Unix socket that serves Attach with bytes. */
export interface RawWorker {
  close(): void;
}

/** Serves Attach at a socket. */
export async function startRawWorker(socketPath: string, attach: (call: RawCall) => void): Promise<RawWorker> {
  const server = new Server();
  server.addService(rawAttach, { attach });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return { close: () => server.forceShutdown() };
}

/** Sends every message back. */
export function echoCall(call: RawCall): void {
  call.on('data', (message: Buffer) => {
    if (call.write(message)) return;
    call.pause();
    call.once('drain', () => call.resume());
  });
  call.on('end', () => call.end());
}

/** How a raw client connects. */
export interface RawClientOptions {
  readonly token?: string;
  readonly credentials?: ChannelCredentials;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly channel?: Readonly<Record<string, string | number>>;
}

/** A client of Attach with bytes. */
export interface RawClient {
  open(): RawStream;
  close(): void;
}

/** Connects to a port of this machine. */
export function createRawClient(address: string, options: RawClientOptions = {}): RawClient {
  const client = new Client(address, options.credentials ?? credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    ...options.channel,
  });
  const metadata = new Metadata();
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
  const { path } = rawAttach.attach;
  return {
    open: () => client.makeBidiStreamRequest(path, identity, identity, metadata),
    close: () => client.close(),
  };
}

/** A Hello as bytes. */
export function helloBytes(
  panel: string,
  parameters: Record<string, string> = {},
  mode: 'open' | 'resume' | 'move' = 'open',
): Buffer {
  const hello = {
    ...{ versions: [1], panel, sessionId: '6a0f7d3e-2c1b-4d5e-8f90-123456789abc', clientId: 'c', attachNonce: 'n' },
    ...{ mode: mode === 'open' ? AttachMode.OPEN : AttachMode.RESUME, nextRx: 1, txBase: 1, txNext: 1, parameters },
    moves: mode === 'move',
  };
  const frames = Frames.fromPartial({ frames: [{ kind: { $case: 'hello', value: hello } }] });
  return Buffer.from(Frames.encode(frames).finish());
}

/** What a call ended with. */
export interface RawStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Waits for the status of a call; errors are told by it too. */
export function statusOfCall(stream: RawStream): Promise<RawStatus> {
  stream.on('error', () => undefined);
  return new Promise((resolve) => stream.on('status', resolve));
}

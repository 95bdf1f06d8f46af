import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { Frames } from '#proto/session/v1/session.js';
import { WorkerServiceService, type WorkerServiceServer } from '#proto/worker/v1/worker.js';
import { echoCall, rawAttach, type RawCall } from '#test/support/agent/raw-session.js';
import type { TlsFiles } from './tls-files.js';

/** Name of the benchmark's panel. */
export const benchPanel = 'bench';

/** Parameters of a Hello whose stream is not echoed: the worker says how many bytes have come instead. */
export const uploadParameters = { bench: 'upload' } as const;

/** What the worker is told. */
export interface WorkerTask {
  readonly sockets: readonly string[];
  /** Where clients reach it without anything in between, over TLS. */
  readonly secure: { readonly port: number; readonly tls: TlsFiles } | undefined;
}

/** What the relay of grpc-js is told. */
export interface GrpcJsRelayTask {
  readonly port: number;
  readonly workerSocket: string;
  readonly tls?: TlsFiles;
}

const manyStreams = { 'grpc.max_concurrent_streams': 100_000 };

/** A worker that an agent accepts: gRPC messages as bytes, sent back one by one, or counted. */
export async function startBenchWorker({ sockets, secure }: WorkerTask): Promise<void> {
  const instance = randomUUID();
  const status = GateStatus.fromPartial({ state: State.SERVING, instance });
  const worker: WorkerServiceServer = {
    describe: (_call, callback) =>
      callback(null, {
        ...{
          panel: benchPanel,
          version: '1',
          pid: process.pid,
          instance,
          target: Target.HOST,
          checkpointable: false,
          metadataKeys: [],
        },
      }),
    watch: (call) => void call.write({ status }),
    handoff: (_call, callback) => callback(null, { attachments: 0, moved: 0 }),
    locate: (_call, callback) => callback(null, { instance: '' }),
    revoke: (_call, callback) => callback(null, {}),
    shutdown: (_call, callback) => callback(null, {}),
  };
  const server = new Server(manyStreams);
  server.addService(WorkerServiceService, worker);
  server.addService(rawAttach, { attach });
  for (const socket of sockets) await bind(server, `unix:${socket}`, undefined);
  if (secure !== undefined) await bind(server, `127.0.0.1:${secure.port}`, secure.tls);
}

function attach(call: RawCall): void {
  call.once('data', (hello: Buffer) => {
    call.write(hello);
    if (isUpload(hello)) countCall(call);
    else echoCall(call);
  });
}

function isUpload(message: Buffer): boolean {
  const kind = Frames.decode(message).frames[0]?.kind;
  return kind?.$case === 'hello' && kind.value.parameters['bench'] === uploadParameters.bench;
}

// Says the bytes so far once for all messages of a turn: what goes back is next to nothing.
function countCall(call: RawCall): void {
  let received = 0;
  let saying = false;
  call.on('data', (message: Buffer) => {
    received += message.length;
    if (saying) return;
    saying = true;
    setImmediate(() => {
      saying = false;
      const count = Buffer.alloc(8);
      count.writeDoubleBE(received);
      if (call.writable) call.write(count);
    });
  });
  call.on('end', () => call.end());
}

/** The peer that is written in the obvious way: a grpc-js server and a grpc-js client with bytes as messages. */
export async function startGrpcJsRelay({ port, workerSocket, tls }: GrpcJsRelayTask): Promise<void> {
  const upstream = new Client(`unix:${workerSocket}`, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
  });
  const identity = (bytes: Buffer): Buffer => bytes;
  const relay = (call: RawCall): void => {
    const forward = upstream.makeBidiStreamRequest(rawAttach.attach.path, identity, identity, call.metadata);
    call.on('data', (message: Buffer) => {
      if (forward.write(message)) return;
      call.pause();
      forward.once('drain', () => call.resume());
    });
    call.on('end', () => forward.end());
    call.on('cancelled', () => forward.cancel());
    forward.on('data', (message: Buffer) => {
      if (call.write(message)) return;
      forward.pause();
      call.once('drain', () => forward.resume());
    });
    forward.on('end', () => call.end());
    forward.on('error', () => call.end());
  };
  const server = new Server(manyStreams);
  server.addService(rawAttach, { attach: relay });
  await bind(server, `127.0.0.1:${port}`, tls);
}

function bind(server: Server, address: string, tls: TlsFiles | undefined): Promise<void> {
  const secure = (files: TlsFiles): ServerCredentials =>
    ServerCredentials.createSsl(null, [
      { cert_chain: readFileSync(files.certFile), private_key: readFileSync(files.keyFile) },
    ]);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, tls === undefined ? ServerCredentials.createInsecure() : secure(tls), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

import { randomUUID } from 'node:crypto';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { GateStatus, State, Target } from '#proto/gate/v1/gate.js';
import { WorkerServiceService, type WorkerServiceServer } from '#proto/worker/v1/worker.js';
import { echoCall, rawAttach, type RawCall } from '#test/support/agent/raw-session.js';

/** Name of the benchmark's panel. */
export const benchPanel = 'bench';

/** An echo worker that an agent accepts: gRPC messages as bytes, sent back one by one. */
export function startEchoWorker(socketPath: string): Promise<void> {
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
    handoff: (_call, callback) => callback(null, { attachments: 0 }),
    shutdown: (_call, callback) => callback(null, {}),
  };
  const server = new Server({ 'grpc.max_concurrent_streams': 100_000 });
  server.addService(WorkerServiceService, worker);
  server.addService(rawAttach, { attach: echoCall });
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** The peer that is written in the obvious way: a grpc-js server and a grpc-js client with bytes as messages. */
export function startGrpcJsRelay(port: number, socketPath: string): Promise<void> {
  const upstream = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
  });
  const identity = (bytes: Buffer): Buffer => bytes;
  const attach = (call: RawCall): void => {
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
  const server = new Server({ 'grpc.max_concurrent_streams': 100_000 });
  server.addService(rawAttach, { attach });
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

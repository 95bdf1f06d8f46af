/** A worker process that does what its parameter `behaviour` says: for tests of the supervisor, never shipped. */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { Server, ServerCredentials, status as grpcStatus, type ServerWritableStream } from '@grpc/grpc-js';
import {
  GateServiceService,
  GateStatus,
  Receipt,
  State,
  Target,
  type DrainRequest,
  type DrainResponse,
  type GateServiceServer,
} from '#proto/gate/v1/gate.js';
import {
  WorkerServiceService,
  type WatchRequest,
  type WatchResponse,
  type WorkerServiceServer,
} from '#proto/worker/v1/worker.js';
import { SessionServiceService } from '#proto/session/v1/session.js';
import { echoCall, rawAttach } from './raw-session.js';

const { values } = parseArgs({
  strict: false,
  options: {
    panel: { type: 'string' },
    socket: { type: 'string' },
    target: { type: 'string' },
    parameter: { type: 'string', multiple: true },
  },
});
const parameters = new Map(
  (values.parameter as string[] | undefined)?.map((pair) => pair.split('=', 2) as [string, string]),
);
const behaviour = parameters.get('behaviour') ?? 'good';
const socketPath = String(values.socket);
const instance = randomUUID();
const target = values.target === 'host' ? Target.HOST : Target.AGENT;
let status: GateStatus = GateStatus.fromPartial({
  state: State.SERVING,
  instance,
  sessions: Number(parameters.get('sessions') ?? 0),
});
const watchers = new Set<ServerWritableStream<WatchRequest, WatchResponse>>();

function setStatus(change: Partial<GateStatus>): GateStatus {
  status = { ...status, ...change };
  for (const watcher of watchers) watcher.write({ status });
  return status;
}

const worker: WorkerServiceServer = {
  describe: (_call, callback) => {
    const panel = behaviour === 'wrong-panel' ? 'other' : String(values.panel);
    callback(null, { panel, version: '1', pid: process.pid, instance, target, checkpointable: true, metadataKeys: [] });
  },
  watch: (call) => {
    watchers.add(call);
    call.on('cancelled', () => watchers.delete(call));
    call.write({ status });
  },
  handoff: (_call, callback) => callback(null, { attachments: 0, moved: 0 }),
  locate: (_call, callback) => callback(null, { instance: '' }),
  revoke: (_call, callback) => callback(null, {}),
  shutdown: (_call, callback) => {
    callback(null, {});
    if (behaviour !== 'ignore-term') setImmediate(end);
  },
};

const receiptOf = (restartUid: string): Receipt =>
  Receipt.fromPartial({ restartUid, instance, counts: { checkpointed: status.sessions }, target, digest: 'd' });

const gate: GateServiceServer = {
  cordon: (call, callback) => {
    const { command, lease } = call.request;
    if (behaviour === 'refuse-cordon') callback({ code: grpcStatus.FAILED_PRECONDITION, details: 'No.' });
    else
      callback(null, {
        status: setStatus({ state: State.CORDONED, restartUid: command?.restartUid ?? '', leaseRemaining: lease }),
      });
  },
  uncordon: (_call, callback) => {
    callback(null, { status: setStatus({ state: State.SERVING, restartUid: '', leaseRemaining: undefined }) });
  },
  watch: (call) => call.emit('error', { code: grpcStatus.UNIMPLEMENTED, details: 'This worker is from before.' }),
  drain: (call: ServerWritableStream<DrainRequest, DrainResponse>) => {
    const restartUid = call.request.command?.restartUid ?? '';
    for (const state of [State.NOTIFIED, State.FROZEN, State.RELEASED]) {
      call.write({ status: setStatus({ state, restartUid }), receipt: undefined });
    }
    if (behaviour === 'hang-drain') return;
    if (behaviour === 'abort-drain') {
      call.write({ status: setStatus({ state: State.SERVING, restartUid: '' }), receipt: undefined });
    } else {
      call.write({ status: setStatus({ state: State.CLOSED, restartUid }), receipt: receiptOf(restartUid) });
    }
    call.end();
  },
  getReceipt: (call, callback) => {
    const { restartUid } = call.request;
    if (status.state === State.CLOSED && status.restartUid === restartUid)
      callback(null, { receipt: receiptOf(restartUid) });
    else callback({ code: grpcStatus.NOT_FOUND, details: 'No receipt.' });
  },
  status: (_call, callback) => callback(null, { status }),
  retire: (_call, callback) => callback({ code: grpcStatus.UNIMPLEMENTED, details: 'It knows of no retiring.' }),
};

// From SIGUSR2 on, the call that the parameter `never` names is taken and never answered; a file beside the socket says so.
let isSilent = false;
process.on('SIGUSR2', () => {
  isSilent = true;
  writeFileSync(`${socketPath}.silent`, '');
});

function fallingSilent<T extends object>(service: T): T {
  const wrapped = Object.entries(service).map(([name, handle]: [string, (...args: unknown[]) => void]) => {
    const answer = (...args: unknown[]): void => {
      if (!isSilent || parameters.get('never') !== name) handle(...args);
    };
    return [name, answer];
  });
  return Object.fromEntries(wrapped) as T;
}

function end(): void {
  rmSync(socketPath, { force: true });
  process.exit(0);
}

process.on('SIGTERM', () => {
  if (behaviour !== 'ignore-term') end();
});

if (behaviour === 'crash') process.exit(7);
if (behaviour === 'silent') createServer(() => undefined).listen(socketPath);
else {
  if (existsSync(socketPath)) rmSync(socketPath);
  const server = new Server();
  server.addService(WorkerServiceService, fallingSilent(worker));
  server.addService(GateServiceService, fallingSilent(gate));
  const { listSessions, endSession } = SessionServiceService;
  server.addService(
    { listSessions, endSession },
    fallingSilent({
      listSessions: (_call: unknown, callback: (error: null, list: object) => void) => callback(null, { sessions: [] }),
      endSession: (_call: unknown, callback: (error: object) => void) => callback({ code: grpcStatus.NOT_FOUND }),
    }),
  );
  server.addService(rawAttach, { attach: echoCall });
  const bind = (): void =>
    server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
      if (error !== null) process.exit(3);
    });
  setTimeout(bind, Number(parameters.get('delayMs') ?? 0));
}

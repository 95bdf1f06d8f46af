import { connect } from 'node:net';
import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import type { Backoff } from '#common/backoff.js';
import type { Clock } from '#common/clock.js';
import { createLatch } from '#common/latch.js';
import type { Log } from '#common/log.js';
import { GateServiceClient, type GateStatus } from '#proto/gate/v1/gate.js';
import { SessionServiceClient } from '#proto/session/v1/session.js';
import { WorkerServiceClient, type DescribeResponse, type WatchResponse } from '#proto/worker/v1/worker.js';
import { unary } from '../unary.js';

/** Clients of a worker's services, over one channel. */
export interface WorkerClients {
  readonly worker: WorkerServiceClient;
  readonly gate: GateServiceClient;
  readonly session: SessionServiceClient;
}

/** What is known about a worker: it answers; nobody is at its socket; or neither is sure. */
export type LinkState =
  | {
      readonly kind: 'up';
      readonly about: DescribeResponse;
      readonly status: GateStatus;
      readonly clients: WorkerClients;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly message: string; readonly about?: DescribeResponse };

/** What a link needs. */
export interface WorkerLinkDeps {
  readonly panel: string;
  readonly socketPath: string;
  readonly agentInstance: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly backoff: Backoff;
  /** Awaited with each worker that answers, before it counts as up. */
  readonly prepare: (clients: WorkerClients, status: GateStatus) => Promise<GateStatus>;
  readonly onChange: () => void;
}

/** The agent's control connection to one worker: describes it, watches it, connects again when it is lost. */
export interface WorkerLink {
  state(): LinkState;
  /** True once an attempt has shown something. */
  asked(): boolean;
  /** Tries again at once. */
  kick(): void;
  close(): void;
}

const callTimeoutMs = 3_000;
// A worker that stops answering becomes unknown after at most 15 s.
const channelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

/** A link that runs until it is closed. */
export function createWorkerLink(deps: WorkerLinkDeps): WorkerLink {
  let state: LinkState = { kind: 'unknown', message: 'Not asked yet.' };
  let wake = createLatch();
  const ending = createLatch();
  let asked = false;
  const setState = (next: LinkState): void => {
    asked = true;
    if (state.kind !== next.kind) deps.log.info({ from: state.kind, to: next.kind }, 'Worker link changed');
    state = next;
    deps.onChange();
  };
  const run = async (): Promise<void> => {
    while (!ending.settled) {
      wake = createLatch();
      await attempt(deps, setState, ending.promise);
      const timer = deps.clock.after(deps.backoff.nextMs(), () => wake.resolve());
      await Promise.race([wake.promise, ending.promise]);
      timer.stop();
    }
  };
  void run();
  return {
    state: () => state,
    asked: () => asked,
    kick: () => {
      deps.backoff.reset();
      wake.resolve();
    },
    close: () => ending.resolve(),
  };
}

async function attempt(
  deps: WorkerLinkDeps,
  setState: (state: LinkState) => void,
  ending: Promise<void>,
): Promise<void> {
  const probe = await probeSocket(deps.socketPath);
  if (probe !== 'open') {
    setState(probe);
    return;
  }
  const channel = new Client(`unix:${deps.socketPath}`, credentials.createInsecure(), channelOptions);
  const clients = createClients(channel);
  try {
    const about = await unary<DescribeResponse>((...rest) => clients.worker.describe({}, ...rest), {
      clock: deps.clock,
      timeoutMs: callTimeoutMs,
    });
    if (about.panel !== deps.panel) {
      const message = `The worker at its socket runs the panel "${about.panel}".`;
      setState({ kind: 'unknown', message, about });
      return;
    }
    await watch(deps, { clients, about, setState, ending });
    setState({ kind: 'unknown', message: 'The connection to the worker was lost.', about });
    deps.backoff.reset();
  } catch (error) {
    setState({ kind: 'unknown', message: `The worker does not answer: ${(error as Error).message}` });
  } finally {
    channel.close();
  }
}

/** Finds out whether anybody listens; only a refusal or a missing file proves that nobody does. */
export function probeSocket(socketPath: string): Promise<'open' | LinkState> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve('open');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      resolve(nobody ? { kind: 'absent' } : { kind: 'unknown', message: `Its socket: ${error.message}` });
    });
  });
}

function createClients(channel: Client): WorkerClients {
  const insecure = credentials.createInsecure();
  const options = { channelOverride: channel.getChannel() };
  return {
    worker: new WorkerServiceClient('unix:', insecure, options),
    gate: new GateServiceClient('unix:', insecure, options),
    session: new SessionServiceClient('unix:', insecure, options),
  };
}

interface Watching {
  readonly clients: WorkerClients;
  readonly about: DescribeResponse;
  readonly setState: (state: LinkState) => void;
  readonly ending: Promise<void>;
}

// Resolves when the watch ends, however it does.
async function watch(deps: WorkerLinkDeps, { clients, about, setState, ending }: Watching): Promise<void> {
  const done = createLatch();
  const call: ClientReadableStream<WatchResponse> = clients.worker.watch({ agentInstance: deps.agentInstance });
  let latest: GateStatus | undefined;
  let prepared = false;
  const show = (status: GateStatus): void => {
    deps.backoff.reset();
    setState({ kind: 'up', about, status, clients });
  };
  call.on('data', ({ status }: WatchResponse) => {
    if (status === undefined || done.settled) return;
    const first = latest === undefined;
    latest = status;
    if (prepared) show(status);
    else if (first) {
      deps.prepare(clients, status).then(
        (after) => {
          if (done.settled) return;
          prepared = true;
          // What the watch said meanwhile is newer than what preparing found, unless it said nothing.
          show(latest === status ? after : (latest ?? after));
        },
        (error: unknown) => done.reject(error),
      );
    }
  });
  call.on('error', () => done.resolve());
  call.on('end', () => done.resolve());
  void ending.then(() => done.resolve());
  try {
    await done.promise;
  } finally {
    call.cancel();
  }
}

import type { ClientReadableStream } from '@grpc/grpc-js';
import { messageOf } from '#common/errors/errors.js';
import type { Backoff } from '#common/time/backoff.js';
import { sleep, type Clock } from '#common/time/clock.js';
import { withDeadline } from '#common/time/deadline.js';
import { createLatch, type Latch } from '#common/time/latch.js';
import type { Log } from '#common/log.js';
import type { GateStatus } from '#proto/gate/v1/gate.js';
import type { DescribeResponse, WatchRequest, WatchResponse } from '#proto/worker/v1/worker.js';
import { callWorker } from './call-worker.js';
import { openWorkerClients, type WorkerClients } from './worker-clients.js';
import type { WorkerSocket } from './worker-socket.js';

/** What is known about a worker: it answers; nobody is at its socket; or neither is sure. */
export type ConnectionState =
  | {
      readonly kind: 'up';
      readonly about: DescribeResponse;
      readonly status: GateStatus;
      readonly clients: WorkerClients;
    }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'unknown';
      readonly message: string;
      readonly about?: DescribeResponse;
      /** True when it was asked and did not answer. */
      readonly silent?: boolean;
    };

/** What a link needs. */
export interface WorkerConnectionDeps {
  readonly panel: string;
  readonly socket: WorkerSocket;
  /** How the agent names itself to the worker. */
  readonly self: WatchRequest;
  readonly clock: Clock;
  readonly log: Log;
  readonly backoff: Backoff;
  /** Awaited with each worker that answers, before it counts as up. */
  readonly prepare: (clients: WorkerClients, status: GateStatus) => Promise<GateStatus>;
  readonly onChange: () => void;
  /** Told of each attempt in which somebody takes the connection and does not answer, the second in a row first. */
  readonly onSilent?: () => void;
}

/**
 * The agent's control connection to one worker: describes it, watches it, asks it again and again whether it still
 * answers, and connects anew when it is lost.
 */
export interface WorkerConnection {
  state(): ConnectionState;
  /** True once an attempt has shown something. */
  asked(): boolean;
  /** Tries again at once. */
  kick(): void;
  close(): void;
}

const callTimeoutMs = 3_000;
// A worker that stops answering becomes unknown after at most 15 s.
const askEveryMs = 10_000;
const answerMs = 5_000;

/** A link that runs until it is closed. */
export function createWorkerConnection(deps: WorkerConnectionDeps): WorkerConnection {
  let state: ConnectionState = { kind: 'unknown', message: 'Not asked yet.' };
  let wake = createLatch();
  const ending = new AbortController();
  let asked = false;
  const setState = (next: ConnectionState): void => {
    asked = true;
    // After an attempt that came to nothing, another one: whoever takes connections there serves nobody.
    if (state.kind === 'unknown' && state.silent === true && next.kind === 'unknown' && next.silent === true)
      deps.onSilent?.();
    if (state.kind !== next.kind) deps.log.info({ from: state.kind, to: next.kind }, 'Worker link changed');
    state = next;
    deps.onChange();
  };
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      wake = createLatch();
      await attempt(deps, setState, ending.signal);
      const pause = { clock: deps.clock, limitMs: deps.backoff.nextMs(), signals: [ending.signal] };
      await withDeadline(pause, () => wake.promise).catch(() => undefined);
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
    close: () => ending.abort(new Error('closed')),
  };
}

async function attempt(
  deps: WorkerConnectionDeps,
  setState: (state: ConnectionState) => void,
  ending: AbortSignal,
): Promise<void> {
  const probe = await deps.socket.find();
  if (probe !== 'open') {
    setState(probe);
    return;
  }
  const { clients, close } = openWorkerClients(deps.socket.path);
  try {
    const about = await describe(deps, clients, callTimeoutMs);
    if (about.panel !== deps.panel) {
      const message = `The worker at its socket runs the panel "${about.panel}".`;
      setState({ kind: 'unknown', message, about });
      return;
    }
    await watch(deps, { clients, about, setState, ending });
    setState({ kind: 'unknown', message: 'The connection to the worker was lost.', about });
    deps.backoff.reset();
  } catch (error) {
    setState({ kind: 'unknown', message: `The worker does not answer: ${messageOf(error)}`, silent: true });
  } finally {
    close();
  }
}

function describe(
  { clock }: WorkerConnectionDeps,
  { worker }: WorkerClients,
  timeoutMs: number,
): Promise<DescribeResponse> {
  return callWorker<DescribeResponse>((...rest) => worker.describe({}, ...rest), { clock, timeoutMs });
}

interface Watching {
  readonly clients: WorkerClients;
  readonly about: DescribeResponse;
  readonly setState: (state: ConnectionState) => void;
  readonly ending: AbortSignal;
}

// Resolves when the watch ends, however it does. Throws when the worker says nothing, or does not answer any more.
async function watch(deps: WorkerConnectionDeps, watching: Watching): Promise<void> {
  const { clients, ending } = watching;
  const done = createLatch();
  const over = new AbortController();
  const stop = (): void => done.resolve();
  ending.addEventListener('abort', stop, { once: true });
  if (ending.aborted) stop();
  const call: ClientReadableStream<WatchResponse> = clients.worker.watch(deps.self);
  const first = deps.clock.after(callTimeoutMs, () => done.reject(new Error('It does not say its status.')));
  call.once('data', () => first.stop());
  call.on('data', takeStatuses(deps, watching, done));
  call.on('error', stop);
  call.on('end', stop);
  askAgain(deps, watching, over.signal).catch((error: unknown) => done.reject(error));
  try {
    await done.promise;
  } finally {
    ending.removeEventListener('abort', stop);
    first.stop();
    over.abort(new Error('over'));
    call.cancel();
  }
}

function takeStatuses(
  deps: WorkerConnectionDeps,
  watching: Watching,
  done: Latch<void>,
): (said: WatchResponse) => void {
  const { clients, about, setState } = watching;
  let latest: GateStatus | undefined;
  let prepared = false;
  const show = (status: GateStatus): void => {
    deps.backoff.reset();
    setState({ kind: 'up', about, status, clients });
  };
  return ({ status }) => {
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
  };
}

// A connection that is open proves nothing about a process that hangs, and a watch without news nothing either.
async function askAgain(deps: WorkerConnectionDeps, { clients, about }: Watching, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(deps.clock, askEveryMs, signal);
    const now = await describe(deps, clients, answerMs);
    if (now.instance !== about.instance) throw new Error('Another process answers in its place.');
  }
}

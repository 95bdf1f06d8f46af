import { credentials } from '@grpc/grpc-js';
import { unaryCall } from '#common/grpc/unary-call.js';
import { createLatch } from '#common/time/latch.js';
import {
  HandoverServiceClient,
  type CommitResponse,
  type ExpectResponse,
  type PrepareResponse,
} from '#proto/handover/v1/handover.js';
import { partsOf, stateFormat, type MovingState } from './state-parts.js';

/** Another instance, as one that gives sessions sees it. */
export interface HandoverPeer {
  /** The incarnation that it has claimed, or why the session cannot come. @throws when nobody knows */
  prepare(sessionId: string, from: string, signal: AbortSignal): Promise<PrepareResponse>;
  /** Has clients of a session wait there for it, until the signal aborts. */
  expect(sessionId: string, signal: AbortSignal): Expectation;
  /** Whether it has the session now. @throws when nobody knows: the links tell */
  commit(state: MovingState, signal: AbortSignal): Promise<CommitResponse>;
  close(): void;
}

/** Clients that wait at another instance. */
export interface Expectation {
  /** Resolves when they may come. @throws when they may not, as at an instance of another release */
  readonly begun: Promise<void>;
  /** Resolves when one waits, or nobody will. */
  readonly waiting: Promise<void>;
}

/** The instance that serves on a socket. */
export function connectPeer(socketPath: string): HandoverPeer {
  const client = new HandoverServiceClient(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  return {
    prepare: (sessionId, instance, signal) =>
      unaryCall<PrepareResponse>((...rest) => client.prepare({ sessionId, instance, format: stateFormat }, ...rest), {
        signal,
      }),
    expect: (sessionId, signal) => expectClients(client, sessionId, signal),
    commit: (state, signal) => commit(client, state, signal),
    close: () => client.close(),
  };
}

function expectClients(client: HandoverServiceClient, sessionId: string, signal: AbortSignal): Expectation {
  const [begun, waiting] = [createLatch(), createLatch()];
  const call = client.expect({ sessionId });
  const over = (error: Error): void => {
    begun.reject(error);
    waiting.resolve();
  };
  call.on('data', (answer: ExpectResponse) => (answer.waiting ? waiting : begun).resolve());
  call.on('error', over);
  call.on('end', () => over(new Error('The other instance expects nobody.')));
  signal.addEventListener('abort', () => call.cancel(), { once: true });
  return { begun: begun.promise, waiting: waiting.promise };
}

function commit(client: HandoverServiceClient, state: MovingState, signal: AbortSignal): Promise<CommitResponse> {
  return new Promise((resolve, reject) => {
    const call = client.commit((error, response) => {
      signal.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(error);
    });
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    // Its end is told to the callback.
    call.on('error', () => undefined);
    for (const part of partsOf(state)) call.write(part);
    call.end();
  });
}

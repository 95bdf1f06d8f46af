import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { statusOf } from '#common/grpc/grpc-status.js';
import type { Log } from '#common/log.js';
import type {
  CommitRequest,
  CommitResponse,
  ExpectRequest,
  ExpectResponse,
  HandoverServiceServer,
  PrepareRequest,
  PrepareResponse,
} from '#proto/handover/v1/handover.js';
import { unary } from '../services/unary-handler.js';
import { StateAssembly, stateFormat, type MovingState } from './state-parts.js';

/** What takes sessions of other instances. */
export interface HandoverTaker {
  /** Claims a session that `giver` has. @returns the incarnation, or why it cannot come */
  prepare(sessionId: string, giver: string): Promise<number | { readonly declined: string }>;
  /** Lets clients of a session wait here for it. @returns ends that */
  expect(sessionId: string, onWaiting: () => void): () => void;
  /**
   * Restores a session and decides that it is here, unless the signal, by which the giver gives up, comes first.
   * @returns false when somebody else has it. @throws why it cannot
   */
  commit(state: MovingState, signal: AbortSignal): Promise<boolean>;
}

/** HandoverService of one instance. */
export function createHandoverService(taker: HandoverTaker, log: Log): HandoverServiceServer {
  return {
    prepare: unary<PrepareRequest, PrepareResponse>(log, async ({ sessionId, instance, format }) => {
      if (format !== stateFormat) {
        return { incarnation: 0, declined: `The state comes in format ${format}; this worker reads ${stateFormat}.` };
      }
      const answer = await taker.prepare(sessionId, instance);
      return typeof answer === 'number'
        ? { incarnation: answer, declined: '' }
        : { incarnation: 0, declined: answer.declined };
    }),
    expect: (call: ServerWritableStream<ExpectRequest, ExpectResponse>) => {
      const end = taker.expect(call.request.sessionId, () => call.write({ waiting: true }));
      call.on('cancelled', end);
      call.on('error', end);
      call.write({ waiting: false });
    },
    commit: (call, callback) => {
      const gone = new AbortController();
      call.on('cancelled', () => gone.abort());
      receive(call, (state) => take(taker, state, { log, signal: gone.signal })).then(
        (response) => callback(null, response),
        (error: unknown) => callback(statusOf(error)),
      );
    },
  };
}

interface Taking {
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function take(taker: HandoverTaker, state: MovingState, { log, signal }: Taking): Promise<CommitResponse> {
  try {
    const taken = await taker.commit(state, signal);
    return { taken, declined: taken ? '' : 'Somebody else has the session.' };
  } catch (err) {
    log.warn({ err, sessionId: state.sessionId }, 'A session could not be taken over');
    return { taken: false, declined: messageOf(err) };
  }
}

function receive(
  call: ServerReadableStream<CommitRequest, CommitResponse>,
  whole: (state: MovingState) => Promise<CommitResponse>,
): Promise<CommitResponse> {
  const assembly = new StateAssembly();
  return new Promise((resolve, reject) => {
    call.on('data', (part: CommitRequest) => {
      try {
        assembly.take(part);
      } catch (error) {
        reject(PaneletError.from(error));
      }
    });
    call.on('error', reject);
    call.on('cancelled', () => reject(new Error('The giver has given up.')));
    call.on('end', () => {
      try {
        whole(assembly.whole()).then(resolve, reject);
      } catch (error) {
        reject(PaneletError.from(error));
      }
    });
  });
}

import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { Log } from '#common/log.js';
import type { DrainResponse, GateServiceServer } from '#proto/gate/v1/gate.js';
import type { AgentGate } from '../gate/gate.js';
import type { CallerReader } from './caller.js';
import { answerOf } from './errors.js';

/** What the service needs. */
export interface GateServiceDeps {
  readonly gate: AgentGate;
  readonly caller: CallerReader;
  readonly log: Log;
}

/** The node's gate over gRPC, for operators. */
export function createGateService({ gate, caller, log }: GateServiceDeps): GateServiceServer {
  const answer =
    <Q, S>(run: (request: Q) => S | Promise<S>) =>
    (call: ServerUnaryCall<Q, S>, callback: sendUnaryData<S>): void => {
      const handle = async (): Promise<S> => {
        caller(call.metadata, 'operator');
        return run(call.request);
      };
      handle().then(
        (response) => callback(null, response),
        (error: unknown) => callback(answerOf(error, log)),
      );
    };
  return {
    cordon: answer((request) => gate.cordon(request)),
    uncordon: answer((request) => gate.uncordon(request)),
    getReceipt: answer(({ restartUid }) => gate.receipt(restartUid)),
    status: answer(() => ({ status: gate.status() })),
    drain: (call) => {
      const gone = new AbortController();
      call.once('cancelled', () => gone.abort(new Error('The caller has gone.')));
      const handle = async (): Promise<void> => {
        caller(call.metadata, 'operator');
        const emit = (response: DrainResponse): void => {
          // A caller that does not read misses states in between, never the receipt.
          if (response.receipt !== undefined || !call.writableNeedDrain) call.write(response);
        };
        await gate.drain(call.request, emit, gone.signal);
      };
      handle().then(
        () => call.end(),
        (error: unknown) => {
          if (!gone.signal.aborted) call.emit('error', answerOf(error, log));
        },
      );
    },
  };
}

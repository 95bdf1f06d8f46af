import type { Metadata, sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Changes } from '#common/changes.js';
import { GateNews, gateNewsMs } from '#common/grpc/gate-news.js';
import type { Log } from '#common/log.js';
import type {
  Command,
  DrainResponse,
  GateServiceServer,
  StatusRequest,
  StatusResponse,
  WatchRequest,
  WatchResponse,
} from '#proto/gate/v1/gate.js';
import type { Permissions } from '../access/permissions.js';
import type { CommandSender } from '../gate/fencing.js';
import type { NodeGate } from '../gate/node-gate.js';
import type { WaitingLook } from '../watches/waiting-look.js';
import type { WatchSeats } from '../watches/watch-seats.js';
import type { CallerReader } from './caller.js';
import { answerOf } from './errors.js';
import { seatWatch } from './seat-watch.js';

/** What the service needs. */
export interface GateServiceDeps {
  readonly gate: NodeGate;
  /** Agents of the node that cannot start beside this one. */
  readonly waiting: WaitingLook;
  /** Of the workers behind the gate. */
  readonly changes: Changes;
  readonly watches: WatchSeats;
  readonly node: string;
  readonly caller: CallerReader;
  readonly permissions: Permissions;
  readonly log: Log;
}

/** What of a gate command goes into the audit log. */
interface Commanded {
  readonly command?: Command | undefined;
  readonly restartUid?: string;
  readonly reason?: string;
}

/** The node's gate over gRPC, for operators. */
export function createGateService(deps: GateServiceDeps): GateServiceServer {
  const { gate, log } = deps;
  const permit: Permit = async (verb, method, call) => {
    const { caller, remoteAddress } = deps.caller(call.metadata);
    const { command, restartUid, reason } = call.request;
    const context = { method, remoteAddress, restartUid: command?.restartUid ?? restartUid, givenReason: reason };
    await deps.permissions.require(caller, { verb, resource: 'gates', name: deps.node }, context);
    return caller.roles.includes('controller') ? 'controller' : 'operator';
  };
  const answer =
    <Q extends Commanded, S>(
      verb: 'get' | 'drain',
      method: string,
      run: (request: Q, sender: CommandSender) => S | Promise<S>,
    ) =>
    (call: ServerUnaryCall<Q, S>, callback: sendUnaryData<S>): void => {
      const handle = async (): Promise<S> => {
        return run(call.request, await permit(verb, method, call));
      };
      handle().then(
        (response) => callback(null, response),
        (error: unknown) => callback(answerOf(error, log)),
      );
    };
  return {
    cordon: answer('drain', 'Cordon', (request, sender) => gate.cordon(request, sender)),
    uncordon: answer('drain', 'Uncordon', (request, sender) => gate.uncordon(request, sender)),
    getReceipt: answer('get', 'GetReceipt', (request) => gate.receipt(request)),
    status: answer<Commanded & StatusRequest, StatusResponse>('get', 'Status', async (request) => ({
      status: { ...gate.status(request), waiting: [...(await deps.waiting.look())] },
    })),
    watch: (call) => watchGate(deps, call, permit),
    retire: answer('drain', 'Retire', (request, sender) => gate.retire(request, sender)),
    drain: (call) => {
      const gone = new AbortController();
      call.once('cancelled', () => gone.abort(new Error('The caller has gone.')));
      const handle = async (): Promise<void> => {
        const sender = await permit('drain', 'Drain', call);
        const emit = (response: DrainResponse): void => {
          // A caller that does not read misses states in between, never the receipt.
          if (response.receipt !== undefined || !call.writableNeedDrain) call.write(response);
        };
        await gate.drain(call.request, sender, { emit, signal: gone.signal });
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

/** Asks whether a caller may, and writes down what was decided. @returns who it is for a gate */
type Permit = (verb: 'get' | 'drain', method: string, call: AskedCall) => Promise<CommandSender>;

function watchGate(
  deps: GateServiceDeps,
  call: ServerWritableStream<WatchRequest, WatchResponse>,
  permit: Permit,
): void {
  const { gate, node, waiting, changes } = deps;
  const method = 'Watch';
  seatWatch(deps, { call, method }, async (seat) => {
    await permit('get', method, { metadata: call.metadata, request: {} });
    await waiting.look();
    const news = new GateNews();
    seat.begin({
      questions: [{ verb: 'get', resource: 'gates', name: node }],
      restMs: gateNewsMs,
      look: () => news.next({ ...gate.status(call.request), waiting: [...waiting.found] }),
      subscribe: (callback) => {
        const stops = [changes.subscribe(callback), waiting.subscribe(callback)];
        return () => {
          for (const stop of stops) stop();
        };
      },
    });
  });
}

interface AskedCall {
  readonly metadata: Metadata;
  readonly request: Commanded;
}

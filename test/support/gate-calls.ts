import type { ServiceError } from '@grpc/grpc-js';
import { unaryCall, type UnaryCallback, type UnaryStart } from '#common/grpc/unary-call.js';
import { msToDuration } from '#common/time/duration.js';
import {
  OnTimeout,
  State,
  Target,
  type Command,
  type CordonResponse,
  type DrainResponse,
  type GateServiceClient,
  type GateStatus,
  type Receipt,
  type StatusResponse,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import { rpcErrorOf } from './rpc-error.js';

/** A command of a restart. */
export function command(restartUid = 'restart-1', fencing = 1, generation = 1): Command {
  return { restartUid, fencing, generation };
}

/** How a drain of a test is asked for. */
export interface DrainOptions {
  readonly command?: Command;
  readonly noticeMs?: number;
  readonly timeoutMs?: number;
  readonly leaseMs?: number;
  readonly onTimeout?: OnTimeout;
  /** @default "a new version" */
  readonly reason?: string;
  readonly target?: Target;
  /** Only the hosts of this pod. */
  readonly podUid?: string;
}

/** A drain that is followed. */
export interface FollowedDrain {
  /** States told so far, without repeats. */
  readonly states: State[];
  readonly responses: DrainResponse[];
  /** Resolves with the last response when the call ends with OK. @throws PaneletError */
  readonly done: Promise<DrainResponse>;
  /** Goes away, as a controller that dies. */
  abandon(): void;
}

/** Calls Drain and follows it. */
export function startDrain(gate: GateServiceClient, options: DrainOptions = {}): FollowedDrain {
  const call = gate.drain({
    command: options.command ?? command(),
    target: options.target ?? Target.AGENT,
    notice: msToDuration(options.noticeMs ?? 0),
    timeout: msToDuration(options.timeoutMs ?? 10_000),
    onTimeout: options.onTimeout ?? OnTimeout.FORCE,
    reason: options.reason ?? 'a new version',
    lease: msToDuration(options.leaseMs ?? 30_000),
    podUid: options.podUid,
  });
  const states: State[] = [];
  const responses: DrainResponse[] = [];
  call.on('data', (response: DrainResponse) => {
    responses.push(response);
    const state = response.status?.state ?? State.UNSPECIFIED;
    if (states.at(-1) !== state) states.push(state);
  });
  const done = new Promise<DrainResponse>((resolve, reject) => {
    call.on('error', (error: ServiceError) => reject(rpcErrorOf(error)));
    call.on('end', () => {
      const last = responses.at(-1);
      if (last !== undefined) resolve(last);
    });
  });
  done.catch(() => undefined);
  return { states, responses, done, abandon: () => call.cancel() };
}

/** Promise of a unary call. @throws PaneletError */
export async function ask<Response>(
  call: (callback: UnaryCallback<Response>) => ReturnType<UnaryStart<Response>>,
): Promise<Response> {
  try {
    return await unaryCall<Response>((_metadata, _options, callback) => call(callback));
  } catch (error) {
    throw rpcErrorOf(error as ServiceError);
  }
}

/** Cordons the agent's workers. */
export function cordon(gate: GateServiceClient, by = command(), leaseMs = 30_000): Promise<CordonResponse> {
  const request = { command: by, lease: msToDuration(leaseMs), reason: 'a new version', target: Target.AGENT };
  return ask((callback) => gate.cordon(request, callback));
}

/** Uncordons the agent's workers. */
export function uncordon(gate: GateServiceClient, by = command()): Promise<UncordonResponse> {
  return ask((callback) => gate.uncordon({ command: by, target: Target.AGENT, anyRestart: false }, callback));
}

/** The status of a gate. */
export async function statusOfGate(gate: GateServiceClient): Promise<GateStatus> {
  const { status } = await ask<StatusResponse>((callback) => gate.status({}, callback));
  if (status === undefined) throw new Error('There is no status.');
  return status;
}

/** The receipt that a drain ended with. */
export async function receiptOfDrain(drain: FollowedDrain): Promise<Receipt> {
  const last = await drain.done;
  const { receipt } = last;
  if (receipt === undefined) throw new Error(`The drain ended without a receipt: ${JSON.stringify(last)}`);
  return receipt;
}

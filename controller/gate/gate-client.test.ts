import { Metadata, Server, ServerCredentials, status, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { createSystemClock } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import {
  GateServiceService,
  GateStatus as GateStatusMessage,
  OnTimeout,
  State,
  Target,
  type DrainRequest,
  type GateServiceServer,
  type GateStatus,
} from '#proto/gate/v1/gate.js';

import { createPlainCredentials } from './gate-credentials.js';
import { createGateClient, type ControllerGateClient } from './gate-client.js';
import type { GateAddress } from '../restart/api/ports.js';

type Unary = (call: ServerUnaryCall<never, never>, callback: (error: unknown, value?: unknown) => void) => void;

let server: Server;
let address: GateAddress;
let client: ControllerGateClient;
let handlers: Record<string, unknown>;
const tokens: unknown[] = [];

const gateStatus = GateServiceService.status.responseDeserialize(Buffer.alloc(0));
const emptyStatus: GateStatus = GateStatusMessage.decode(Buffer.alloc(0));

beforeEach(async () => {
  handlers = {};
  tokens.length = 0;
  const unary = (name: string): Unary => {
    return (call, callback) => {
      tokens.push(call.metadata.get('authorization')[0]);
      const handler = handlers[name] as Unary | undefined;
      if (handler === undefined) callback(null, gateStatus);
      else handler(call, callback);
    };
  };
  server = new Server();
  server.addService(GateServiceService, {
    status: unary('status'),
    getReceipt: unary('getReceipt'),
    cordon: unary('cordon'),
    uncordon: unary('uncordon'),
    drain: (call: never) => (handlers['drain'] as (call: never) => void)(call),
  } as unknown as GateServiceServer);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  address = { host: '127.0.0.1', port };
  client = createGateClient({
    clock: createSystemClock(),
    credentials: createPlainCredentials(),
    token: () => 'secret',
    timeoutMs: 300,
  });
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isPaneletError(error) ? error.code : String(error);
}

function fail(code: status, reason?: string): Unary {
  return (_call, callback) => {
    const metadata = new Metadata();
    if (reason !== undefined) metadata.set('panelet-reason', reason);
    callback({ code, details: 'because', metadata });
  };
}

const command = { restartUid: 'r', fencing: 1, generation: 1 };
const request: DrainRequest = {
  command,
  target: Target.AGENT,
  notice: undefined,
  timeout: undefined,
  onTimeout: OnTimeout.ABORT,
  reason: '',
  lease: undefined,
};
const uncordon = { command, target: Target.AGENT, anyRestart: false };

describe('gate client', () => {
  test('sends its token and returns the status', async () => {
    const known = { ...emptyStatus, state: State.CORDONED, instance: 'i' };
    handlers['status'] = ((_call, callback) => callback(null, { status: known })) satisfies Unary;
    expect(await client.status(address)).toMatchObject({ state: State.CORDONED, instance: 'i' });
    expect(tokens).toEqual(['Bearer secret']);
  });

  test('reads NOT_FOUND as no receipt, and nothing else', async () => {
    handlers['getReceipt'] = fail(status.NOT_FOUND);
    expect(await client.receipt(address, 'r')).toBeUndefined();
    handlers['getReceipt'] = fail(status.INTERNAL);
    expect(await codeOf(client.receipt(address, 'r'))).toBe('AGENT_UNREACHABLE');
  });

  test.each([
    [status.FAILED_PRECONDITION, undefined, 'GATE_REFUSED'],
    [status.UNAVAILABLE, 'WORKER_UNAVAILABLE', 'WORKER_UNAVAILABLE'],
    [status.UNAVAILABLE, undefined, 'AGENT_UNREACHABLE'],
    [status.UNAUTHENTICATED, undefined, 'IDENTITY_MISSING'],
    [status.PERMISSION_DENIED, undefined, 'IDENTITY_REFUSED'],
  ])('turns status %i with reason %s into %s', async (code, reason, expected) => {
    handlers['uncordon'] = fail(code, reason);
    expect(await codeOf(client.uncordon(address, uncordon))).toBe(expected);
  });

  test('gives up on a gate that does not answer in time, and on one that is not there', async () => {
    handlers['status'] = () => undefined;
    expect(await codeOf(client.status(address))).toBe('AGENT_UNREACHABLE');
    expect(await codeOf(client.status({ host: '127.0.0.1', port: 1 }))).toBe('AGENT_UNREACHABLE');
  });

  test('hears every state of a drain and its end, once', async () => {
    interface DrainCall {
      write(value: unknown): void;
      end(): void;
    }
    handlers['drain'] = (call: DrainCall) => {
      for (const state of [State.CORDONED, State.CLOSED])
        call.write({ status: { ...emptyStatus, state }, receipt: undefined });
      call.end();
    };
    const states: (State | undefined)[] = [];
    const error = await new Promise<Error | undefined>((resolve) => {
      client.drain(address, request, { onState: (response) => states.push(response.status?.state), onEnd: resolve });
    });
    expect(error).toBeUndefined();
    expect(states).toEqual([State.CORDONED, State.CLOSED]);
  });

  test('says nothing any more after it stopped hearing, and leaves no connection when it is closed', async () => {
    let heard = 0;
    const opened = new Promise<void>((resolve) => {
      handlers['drain'] = () => resolve();
    });
    const call = client.drain(address, request, { onState: () => heard++, onEnd: () => heard++ });
    await opened;
    call.stop();
    client.close();
    await new Promise<void>((resolve, reject) => {
      server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
    });
    expect(heard).toBe(0);
  });
});

import { writeFileSync } from 'node:fs';
import { credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from '@jest/globals';
import { HealthClient, type HealthCheckRequest, type HealthCheckResponse } from '#grpc/health/v1/health.js';
import { msToDuration } from '#common/time/duration.js';
import {
  CordonRequest,
  DrainRequest,
  State,
  Target,
  UncordonRequest,
  type CordonResponse,
  type DrainResponse,
  type GateStatus,
  type GetReceiptRequest,
  type GetReceiptResponse,
  type StatusRequest,
  type StatusResponse,
  type UncordonResponse,
} from '#proto/gate/v1/gate.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentClients,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { waitFor } from '#test/support/wait-for.js';

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Gate {
  readonly home: AgentHome;
  readonly agent: AgentProcess;
  status(): Promise<GateStatus>;
  cordon(request?: Partial<CordonRequest>): Promise<CordonResponse>;
  uncordon(request?: Partial<UncordonRequest>): Promise<UncordonResponse>;
  drain(request?: Partial<DrainRequest>): Promise<DrainResponse[]>;
  receipt(restartUid?: string): Promise<GetReceiptResponse>;
}

const command = { restartUid: 'r1', fencing: 3, generation: 1 };
const lease = msToDuration(30_000);

function gateOf(home: AgentHome, agent: AgentProcess, token?: string): Gate {
  const clients: AgentClients = connectAgent(home.address, token);
  cleanups.push(() => clients.close());
  const { gate, metadata } = clients;
  return {
    ...{ home, agent },
    status: async () => {
      const response = await call<StatusRequest, StatusResponse>((...rest) => gate.status(...rest), {}, metadata);
      return response.status!;
    },
    cordon: (request) =>
      call<CordonRequest, CordonResponse>(
        (...rest) => gate.cordon(...rest),
        CordonRequest.fromPartial({ command, lease, ...request }),
        metadata,
      ),
    uncordon: (request) =>
      call<UncordonRequest, UncordonResponse>(
        (...rest) => gate.uncordon(...rest),
        UncordonRequest.fromPartial({ command, ...request }),
        metadata,
      ),
    receipt: (restartUid = 'r1') =>
      call<GetReceiptRequest, GetReceiptResponse>((...rest) => gate.getReceipt(...rest), { restartUid }, metadata),
    drain: (request) =>
      new Promise((resolve, reject) => {
        const responses: DrainResponse[] = [];
        const stream = gate.drain(DrainRequest.fromPartial({ command, lease, ...request }), metadata);
        stream.on('data', (response: DrainResponse) => responses.push(response));
        stream.on('error', reject);
        stream.on('end', () => resolve(responses));
      }),
  };
}

async function start(panels: Record<string, unknown>[], change: Record<string, unknown> = {}): Promise<Gate> {
  const home = createAgentHome(builtPrograms, { panels, ...change });
  cleanups.push(() => home.remove());
  const gate = gateOf(home, await home.start());
  const areServing = async (): Promise<boolean> =>
    (await gate.status()).workers.every(({ state }) => state === State.SERVING);
  await waitFor('every worker serves, also those of the other target', areServing);
  return gate;
}

async function untilState(gate: Gate, state: State): Promise<void> {
  await waitFor(`state ${State[state]}`, async () => (await gate.status()).state === state);
}

const two = [
  { name: 'echo', parameters: { sessions: 2 } },
  { name: 'logs', parameters: { sessions: 3 } },
  { name: 'shell', target: 'host', parameters: { sessions: 4 } },
];

async function stateOf(gate: Gate, panel: string): Promise<State | undefined> {
  const { workers } = await gate.status();
  return workers.find((worker) => worker.panel === panel)?.state;
}

describe('the gate of a node', () => {
  test('cordons every worker of the target and no other, and uncordons them', async () => {
    const gate = await start(two);
    const { status } = await gate.cordon();
    expect(status).toMatchObject({ state: State.CORDONED, restartUid: 'r1', sessions: 9, fencing: 3 });
    expect(await stateOf(gate, 'shell')).toBe(State.SERVING);
    await expect(gate.uncordon({ command: { ...command, restartUid: 'r2' } })).rejects.toMatchObject({
      code: grpcStatus.FAILED_PRECONDITION,
    });
    const after = await gate.uncordon();
    expect(after.status).toMatchObject({ state: State.SERVING, restartUid: '' });
  });

  test('serves again everywhere when one worker refuses the cordon', async () => {
    const gate = await start([...two, { name: 'stubborn', parameters: { behaviour: 'refuse-cordon' } }]);
    await expect(gate.cordon()).rejects.toMatchObject({ code: grpcStatus.FAILED_PRECONDITION });
    await untilState(gate, State.SERVING);
    expect(await stateOf(gate, 'echo')).toBe(State.SERVING);
  });

  test('refuses commands of an older leader and of another restart', async () => {
    const gate = await start(two);
    await gate.cordon();
    const older = gate.cordon({ command: { ...command, fencing: 2 } });
    await expect(older).rejects.toMatchObject({ code: grpcStatus.FAILED_PRECONDITION });
    const other = gate.cordon({ command: { ...command, restartUid: 'r2' } });
    await expect(other).rejects.toMatchObject({ code: grpcStatus.FAILED_PRECONDITION });
    await gate.uncordon({ command: undefined, anyRestart: true });
    await untilState(gate, State.SERVING);
  });

  test('drains the target, sums the receipts, and gives the same receipt again until it serves', async () => {
    const gate = await start(two);
    await gate.cordon();
    const responses = await gate.drain();
    const last = responses.at(-1)!;
    expect(last.status?.state).toBe(State.CLOSED);
    expect(last.receipt).toMatchObject({
      restartUid: 'r1',
      target: Target.AGENT,
      instance: last.status!.instance,
      counts: { checkpointed: 5, kept: 4, forced: 0 },
    });
    expect((await gate.receipt()).receipt).toEqual(last.receipt);
    await gate.uncordon();
    await expect(gate.receipt()).rejects.toMatchObject({ code: grpcStatus.NOT_FOUND });
  });

  test('lets a second caller join, and gives both the same receipt', async () => {
    const gate = await start(two);
    const [one, other] = await Promise.all([gate.drain(), gate.drain()]);
    expect(one.at(-1)?.receipt).toBeDefined();
    expect(other.at(-1)?.receipt).toEqual(one.at(-1)?.receipt);
  });

  test('serves again everywhere when one worker calls its drain off', async () => {
    const gate = await start([...two, { name: 'late', parameters: { behaviour: 'abort-drain' } }]);
    const responses = await gate.drain();
    expect(responses.at(-1)).toMatchObject({ status: { state: State.SERVING } });
    expect(responses.some(({ receipt }) => receipt !== undefined)).toBe(false);
    await untilState(gate, State.SERVING);
    expect(await stateOf(gate, 'echo')).toBe(State.SERVING);
  });

  test('does not start a crashed worker while cordoned, gives a receipt without it, and starts it afterwards', async () => {
    const gate = await start(two);
    await gate.cordon();
    process.kill(gate.home.workers('echo')[0]!.pid, 'SIGKILL');
    await waitFor('echo is gone', () => gate.home.workers('echo').length === 0);
    const responses = await gate.drain();
    expect(responses.at(-1)?.receipt?.counts).toMatchObject({ checkpointed: 3 });
    expect(gate.home.workers('echo')).toEqual([]);
    await gate.uncordon();
    await waitFor('echo is back', () => gate.home.workers('echo').length === 1);
  });

  test('never takes a worker that does not answer for drained', async () => {
    const gate = await start(two);
    const [echo] = gate.home.workers('echo');
    process.kill(echo!.pid, 'SIGSTOP');
    try {
      await expect(gate.drain()).rejects.toMatchObject({
        code: grpcStatus.UNAVAILABLE,
        details: 'The worker of panel "echo" does not answer.',
      });
      expect(await stateOf(gate, 'logs')).toBe(State.SERVING);
    } finally {
      process.kill(echo!.pid, 'SIGCONT');
    }
    await untilState(gate, State.SERVING);
  }, 30_000);

  test('is known to the next agent before it lets anyone in', async () => {
    const gate = await start(two);
    await gate.cordon();
    gate.agent.child.kill('SIGKILL');
    await gate.agent.exited;
    const next = gateOf(gate.home, await gate.home.start());
    expect(await next.status()).toMatchObject({ state: State.CORDONED, restartUid: 'r1' });
    const responses = await next.drain();
    expect(responses.at(-1)?.receipt?.counts?.checkpointed).toBe(5);
  });

  test('needs the role operator, and a token at all', async () => {
    const home = createAgentHome(builtPrograms, { panels: [], identity: undefined });
    cleanups.push(() => home.remove());
    const file = `${home.dir}/identities.yaml`;
    writeFileSync(
      file,
      'identities:\n  - { name: c, token: client-token, roles: [client] }\n  - { name: o, token: operator-token, roles: [operator] }\n',
    );
    home.configure({ identity: { file } });
    const agent = await home.start();
    await expect(gateOf(home, agent).status()).rejects.toMatchObject({ code: grpcStatus.UNAUTHENTICATED });
    await expect(gateOf(home, agent, 'wrong-token').status()).rejects.toMatchObject({
      code: grpcStatus.UNAUTHENTICATED,
    });
    await expect(gateOf(home, agent, 'client-token').status()).rejects.toMatchObject({
      code: grpcStatus.PERMISSION_DENIED,
    });
    expect(await gateOf(home, agent, 'operator-token').status()).toMatchObject({ node: 'node-a' });
  });

  test('shows in the health protocol, without a token', async () => {
    const gate = await start(two);
    const health = new HealthClient(gate.home.address, credentials.createInsecure());
    cleanups.push(() => health.close());
    const check = async (service: string): Promise<number | undefined> => {
      const answer = call<HealthCheckRequest, HealthCheckResponse>((...rest) => health.check(...rest), { service });
      const failed = (error: unknown): { status: number } => ({ status: -(error as ServiceError).code });
      return (await answer.catch(failed)).status;
    };
    expect([await check(''), await check('panelet.session.v1.SessionService')]).toEqual([1, 1]);
    await gate.cordon();
    expect([await check(''), await check('panelet.session.v1.SessionService')]).toEqual([1, 2]);
    expect(await check('nothing')).toBe(-grpcStatus.NOT_FOUND);
  });

  test('exits with 1 when a worker had to be killed', async () => {
    const gate = await start([{ name: 'echo', parameters: { behaviour: 'ignore-term' } }]);
    gate.agent.child.kill('SIGTERM');
    expect(await gate.agent.exited).toBe(1);
    expect(gate.home.workers('echo')).toEqual([]);
  }, 30_000);

  test('ends a drain that hangs by its grace period, sooner after a second signal', async () => {
    const gate = await start([{ name: 'echo', parameters: { behaviour: 'hang-drain' } }], { gracePeriodSeconds: 60 });
    gate.agent.child.kill('SIGTERM');
    await waitFor('it stops', () => gate.agent.log().includes('Agent stops'));
    gate.agent.child.kill('SIGTERM');
    expect(await gate.agent.exited).toBe(1);
    expect(gate.home.workers('echo')).toEqual([]);
  }, 30_000);

  test('is open to controllers for as long as to clients: also while the agent drains to its end', async () => {
    const home = createAgentHome(builtPrograms, {
      panels: [{ name: 'echo', parameters: { behaviour: 'hang-drain' } }],
      gracePeriodSeconds: 60,
    });
    cleanups.push(() => home.remove());
    const forControllers = { ...home, address: `${home.host}:7445` };
    home.configure({ gate: { listen: forControllers.address } });
    const agent = await home.start();
    await waitFor(
      'controllers are served',
      async () => (await gateOf(forControllers, agent).status()).state === State.SERVING,
    );
    agent.child.kill('SIGTERM');
    await waitFor(
      'clients see that it drains',
      async () => (await gateOf(home, agent).status()).state !== State.SERVING,
    );
    expect((await gateOf(forControllers, agent).status()).state).not.toBe(State.SERVING);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(1);
  }, 30_000);
});

import { kill } from 'node:process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { stringify } from 'yaml';
import { createGateClient, type GateClient } from '#client/calls/gate-client.js';
import { createPaneletClient, type PaneletClient, type PaneletSession } from '#client/sdk.js';
import { State, type WatchResponse } from '#proto/gate/v1/gate.js';
import type { Session, WatchSessionsResponse } from '#proto/session/v1/session.js';
import {
  builtPrograms,
  connectAgent,
  createAgentHome,
  type AgentClients,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { cordon, uncordon } from '#test/support/gate-calls.js';
import { rpcErrorOf } from '#test/support/rpc-error.js';
import { waitFor } from '#test/support/wait-for.js';

jest.setTimeout(90_000);

const token = (name: string): string => `token-of-${name}`;
const everybody = { alice: ['client'], bob: ['client'], ops: ['operator'], root: ['admin'] };

let home: AgentHome;
let agent: AgentProcess;
let clients: PaneletClient[];
let connections: AgentClients[];

/** Gives roles to users; an agent that runs reads them. */
function give(roles: Record<string, readonly string[]>): void {
  const identities = Object.entries(roles).map(([name, of]) => ({ name, token: token(name), roles: of }));
  writeFileSync(join(home.dir, 'identities.yaml'), stringify({ identities }));
}

async function open(name: string): Promise<PaneletSession> {
  const client = createPaneletClient({ address: home.address, token: token(name) });
  clients.push(client);
  return client.open({ panel: 'echo' });
}

function connect(name: string): AgentClients {
  const connection = connectAgent(home.address, token(name));
  connections.push(connection);
  return connection;
}

/** What a watch has told, and what it comes to. */
class Watched {
  readonly messages: WatchSessionsResponse[] = [];
  readonly sessions = new Map<string, Session>();
  error: ReturnType<typeof rpcErrorOf> | undefined;
  readonly call: ClientReadableStream<WatchSessionsResponse>;

  constructor({ session, metadata }: AgentClients, panel = '') {
    this.call = session.watchSessions({ panel }, metadata);
    this.call.on('error', (error: ServiceError) => (this.error = rpcErrorOf(error)));
    this.call.on('data', (message: WatchSessionsResponse) => {
      this.messages.push(message);
      if (message.complete) this.sessions.clear();
      for (const one of message.sessions) this.sessions.set(one.sessionId, one);
      for (const id of message.gone) this.sessions.delete(id);
    });
  }

  get ids(): string[] {
    return [...this.sessions.keys()].sort();
  }
}

beforeEach(async () => {
  [clients, connections] = [[], []];
  home = createAgentHome(builtPrograms);
  home.configure({
    workerCommand: [process.execPath, builtPrograms.worker],
    panels: [{ name: 'echo' }, { name: 'logs' }],
    sessionsPerOwner: { default: 500 },
    identity: { file: join(home.dir, 'identities.yaml') },
    limits: { maxWatchesPerCaller: 20 },
  });
  give(everybody);
  agent = await home.start();
});
afterEach(async () => {
  for (const connection of connections) connection.close();
  await Promise.all(clients.map((client) => client.close()));
  home.remove();
});

describe('sessions that are watched', () => {
  test('are told at first and as they change, to their owner and to an administrator', async () => {
    const [first, bobs] = [await open('alice'), await open('bob')];
    const [alice, root] = [new Watched(connect('alice')), new Watched(connect('root'))];
    await waitFor('both are told', () => alice.messages.length > 0 && root.messages.length > 0);
    expect(alice.messages[0]).toMatchObject({
      complete: true,
      sessions: [{ sessionId: first.sessionId, attached: true }],
    });
    expect(root.ids).toEqual([first.sessionId, bobs.sessionId].sort());
    const second = await open('alice');
    await waitFor('the new one is told', () => alice.sessions.has(second.sessionId));
    await first.detach();
    await waitFor('it is told that its client has left', () => alice.sessions.get(first.sessionId)?.attached === false);
    await second.end();
    await waitFor('its end is told', () => !alice.sessions.has(second.sessionId));
    expect(alice.messages.filter(({ complete }) => complete)).toHaveLength(1);
    expect(alice.ids).not.toContain(bobs.sessionId);
  });

  test('are those of a panel that this node offers', async () => {
    const [own, others, unknown] = ['echo', 'logs', 'nothing'].map((panel) => new Watched(connect('alice'), panel));
    const session = await open('alice');
    await waitFor('it is told', () => own?.sessions.has(session.sessionId) === true);
    await waitFor('the others answer', () => others?.messages.length === 1 && unknown?.error !== undefined);
    expect(others?.ids).toEqual([]);
    expect(unknown?.error).toMatchObject({ code: 'PANEL_UNKNOWN' });
  });

  test('are gone with their worker, and there again when it is', async () => {
    const session = await open('alice');
    const watched = new Watched(connect('alice'));
    await waitFor('it is told', () => watched.sessions.has(session.sessionId));
    const [worker] = home.workers('echo');
    kill(worker?.pid ?? 0, 'SIGKILL');
    await waitFor('it is gone', () => watched.messages.some(({ gone }) => gone.includes(session.sessionId)));
    await waitFor('it is back', () => (watched.sessions.get(session.sessionId)?.incarnation ?? 0) > 1);
    expect(watched.error).toBeUndefined();
  });

  test('are told to a caller until he may not see them any more', async () => {
    await open('bob');
    const [alice, bob, root] = ['alice', 'bob', 'root'].map((name) => new Watched(connect(name)));
    await waitFor('all are told', () => [alice, bob, root].every((one) => one?.messages.length === 1));
    give({ alice: ['client'], bob: ['operator'], root: ['client'] });
    agent.child.kill('SIGHUP');
    await waitFor('both are ended', () => bob?.error !== undefined && root?.error !== undefined);
    expect([bob?.error, root?.error]).toMatchObject([{ code: 'IDENTITY_REFUSED' }, { code: 'IDENTITY_REFUSED' }]);
    expect(alice?.error).toBeUndefined();
  });

  test('are as they are now for one who has not read while hundreds came and went', async () => {
    const watched = new Watched(connect('alice'));
    await waitFor('it begins', () => watched.messages.length === 1);
    watched.call.pause();
    for (let round = 0; round < 8; round++) {
      const storm = await Promise.all(Array.from({ length: 25 }, () => open('alice')));
      await Promise.all(storm.map((session) => session.end()));
    }
    const stays = await open('alice');
    watched.call.resume();
    await waitFor('he is told of the last', () => watched.sessions.has(stays.sessionId));
    await waitFor('and of no other', () => watched.ids.length === 1);
  });

  test('are told to so many calls of one caller, and to everybody else', async () => {
    const connection = connect('alice');
    const many = Array.from({ length: 300 }, () => new Watched(connection));
    await waitFor('those beyond are refused', () => many.filter(({ error }) => error !== undefined).length === 280);
    expect(new Set(many.flatMap(({ error }) => error?.code ?? []))).toEqual(new Set(['LIMIT_EXCEEDED']));
    const [bob, session] = [new Watched(connect('bob')), await open('bob')];
    await waitFor('another caller is told', () => bob.sessions.has(session.sessionId));
    for (const { call } of many) call.cancel();
    await waitFor('there is room again', async () => {
      const again = new Watched(connection);
      await waitFor('it is answered', () => again.messages.length > 0 || again.error !== undefined);
      again.call.cancel();
      return again.error === undefined;
    });
  });

  test('and gates begin anew at the agent that comes, without the caller’s doing', async () => {
    const session = await open('alice');
    const plain = new Watched(connect('root'));
    const gate: GateClient = createGateClient({ address: home.address, token: token('root') });
    const stop = new AbortController();
    const [lists, states, lost]: [string[][], State[], string[]] = [[], [], []];
    const watch = async (): Promise<void> => {
      const onLost = ({ code }: { code: string }): void => void lost.push(code);
      for await (const now of gate.watchSessions({ signal: stop.signal, onLost }))
        lists.push(now.map(({ sessionId }) => sessionId));
    };
    const watchGate = async (): Promise<void> => {
      for await (const { state } of gate.watch({ signal: stop.signal })) states.push(state);
    };
    const watching = Promise.all([watch(), watchGate()]);
    await waitFor('both are told', () => lists.length > 0 && states.length > 0);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(plain.error).toMatchObject({
      code: 'WORKER_UNAVAILABLE',
      message: expect.stringContaining('goes') as unknown,
    });
    const before = [lists.length, states.length] as const;
    agent = await home.start();
    await waitFor('both are told again', () => lists.length > before[0] && states.length > before[1]);
    await waitFor('the session is there', () => lists.at(-1)?.includes(session.sessionId) === true);
    expect(lost.length).toBeGreaterThan(0);
    stop.abort();
    await watching;
    gate.close();
  });
});

describe('a gate that is watched', () => {
  test('is told at each change, not as time passes, and to those who may see it', async () => {
    const ops = connect('ops');
    const told: WatchResponse[] = [];
    const call = ops.gate.watch({}, ops.metadata);
    call.on('data', (message: WatchResponse) => told.push(message));
    call.on('error', () => undefined);
    const states = (): (State | undefined)[] => told.map(({ status }) => status?.state);
    await waitFor('it serves', () => states().at(-1) === State.SERVING);
    const gate = Object.assign(Object.create(ops.gate) as typeof ops.gate, {
      cordon: (request: Parameters<typeof ops.gate.cordon>[0], done: Parameters<typeof ops.gate.cordon>[2]) =>
        ops.gate.cordon(request, ops.metadata, done as never),
      uncordon: (request: Parameters<typeof ops.gate.uncordon>[0], done: Parameters<typeof ops.gate.uncordon>[2]) =>
        ops.gate.uncordon(request, ops.metadata, done as never),
    });
    await cordon(gate);
    await waitFor('it is cordoned', () => states().at(-1) === State.CORDONED);
    const { length } = told;
    // The lease goes on to tick; what is told next is that it serves again.
    await cordon(gate);
    await uncordon(gate);
    await waitFor('it serves again', () => states().at(-1) === State.SERVING);
    expect(told.length - length).toBeLessThanOrEqual(2);
    const alice = connect('alice');
    const refused = await new Promise<ServiceError>((resolve) => {
      const other = alice.gate.watch({}, alice.metadata);
      other.on('data', () => undefined);
      other.on('error', resolve);
    });
    expect(rpcErrorOf(refused)).toMatchObject({ code: 'IDENTITY_REFUSED' });
    const nowhere = await new Promise<ServiceError>((resolve) => {
      const other = ops.gate.watch({ podUid: 'no-such-pod' }, ops.metadata);
      other.on('data', () => undefined);
      other.on('error', resolve);
    });
    expect(rpcErrorOf(nowhere)).toMatchObject({ code: 'POD_UNKNOWN' });
  });
});

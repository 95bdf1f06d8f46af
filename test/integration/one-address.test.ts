import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  createPaneletClient,
  type PaneletClient,
  type PaneletClientOptions,
  type PaneletSession,
} from '#client/sdk.js';
import { startSilentServer, type BlackHole } from '#test/support/black-holes.js';
import { echoed } from '#test/support/echoed.js';
import {
  builtPrograms,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';

jest.setTimeout(120_000);

/** Several agents behind one address, each connection to the next: what a Service is. */
interface Balancer {
  readonly address: string;
  /** Cuts every connection. */
  cut(): void;
  close(): void;
}

async function startBalancer(agents: readonly AgentHome[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let next = 0;
  const server = createServer((client) => {
    const agent = agents[next++ % agents.length];
    const upstream = connect(agent?.port ?? 0, agent?.host);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe('several agents behind one address', () => {
  let homes: AgentHome[];
  let agents: AgentProcess[];
  let balancer: Balancer;
  const clients: PaneletClient[] = [];
  const silent: BlackHole[] = [];

  const clientOf = (options: PaneletClientOptions): PaneletClient => {
    const client = createPaneletClient(options);
    clients.push(client);
    return client;
  };
  const startSilent = async (): Promise<string> => {
    const hole = await startSilentServer();
    silent.push(hole);
    return hole.address;
  };
  const openOnBoth = async (client: PaneletClient): Promise<PaneletSession[]> => {
    const sessions: PaneletSession[] = [];
    for (let index = 0; index < 8; index++) {
      // Another connection for each: the next agent.
      const session = await client.open({ panel: 'echo' });
      await echoed(session, 'first');
      sessions.push(session);
      if (index === 0) balancer.cut();
      if (index === 3) await clientOf({ address: balancer.address }).listPanels();
    }
    return sessions;
  };
  const left = async (): Promise<string[]> => {
    const lists = await Promise.all(homes.map((home) => clientOf({ address: home.address }).listSessions()));
    return lists.flat().map(({ sessionId }) => sessionId);
  };

  beforeEach(async () => {
    homes = ['node-a', 'node-b'].map((node) =>
      createAgentHome(builtPrograms, {
        ...{ node, workerCommand: [process.execPath, builtPrograms.worker] },
        panels: [{ name: 'echo', target: 'host' }],
      }),
    );
    agents = await Promise.all(homes.map((home) => home.start()));
    balancer = await startBalancer(homes);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    balancer.close();
    await Promise.all(silent.splice(0).map((hole) => hole.close()));
    for (const home of homes) home.remove();
  });

  test('sessions find the agent of their node after every cut, and after the death of their agent', async () => {
    const client = clientOf({ address: balancer.address });
    const other = clientOf({ address: balancer.address });
    const sessions = [...(await openOnBoth(client)), ...(await openOnBoth(other))];
    const nodes = new Set(sessions.map((session) => session.resumeState().node));
    expect([...nodes].sort()).toEqual(['node-a', 'node-b']);
    for (let round = 0; round < 6; round++) {
      balancer.cut();
      if (round === 3) {
        agents[0]?.child.kill('SIGKILL');
        await agents[0]?.exited;
        agents[0] = await homes[0]!.start();
      }
      const texts = sessions.map((_session, index) => `round ${round} of ${index}`);
      const heard = await Promise.all(sessions.map((session, index) => echoed(session, texts[index] ?? '')));
      expect(heard).toEqual(texts);
    }
    expect(sessions.flatMap((session) => (session.stats().losses > 0 ? [session.sessionId] : []))).toEqual([]);
  });

  test('what ends a session ends it on its node, by the session and by its id', async () => {
    const client = clientOf({ address: balancer.address });
    const sessions = await openOnBoth(client);
    await Promise.all(sessions.slice(2).map((session) => session.terminate()));
    for (const { sessionId } of sessions.slice(0, 2)) {
      await clientOf({ address: balancer.address }).endSession(sessionId);
    }
    expect(await left()).toEqual([]);
  });

  test('another process goes on with a session, whether it knows the node or not', async () => {
    const client = clientOf({ address: balancer.address });
    const sessions = await openOnBoth(client);
    await Promise.all(sessions.map((session) => session.detach()));
    for (const [index, session] of sessions.entries()) {
      const { node, ...state } = session.resumeState();
      const resumer = clientOf({ address: balancer.address });
      const again = await resumer.resume({ ...state, ...(index % 2 === 0 ? { node } : {}) });
      expect(await echoed(again, `again ${index}`)).toBe(`again ${index}`);
      await again.terminate();
    }
    expect(await left()).toEqual([]);
  });

  test('a session that nobody has is unknown, soon', async () => {
    const client = clientOf({ address: balancer.address });
    const session = await client.open({ panel: 'echo' });
    const state = { ...session.resumeState(), sessionId: randomUUID() };
    for (const node of [state.node, '']) {
      await expect(clientOf({ address: balancer.address }).resume({ ...state, node })).rejects.toMatchObject({
        code: 'SESSION_UNKNOWN',
      });
    }
    await expect(client.endSession(state.sessionId)).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
  });

  test('an address that gives no answer does not hold a session up that has another by now', async () => {
    const dead = await startSilent();
    const asked: number[] = [];
    const client = clientOf({
      times: { dialTimeoutMs: 60_000 },
      resolve: ({ attempt }) => {
        asked.push(attempt);
        return attempt === 0 ? dead : (homes[0]?.address ?? '');
      },
    });
    const session = await client.open({ panel: 'echo' });
    expect(await echoed(session, 'hello')).toBe('hello');
    expect(asked.slice(0, 2)).toEqual([0, 1]);
    // Calls as well.
    expect((await client.listPanels()).node).toBe('node-a');
  });

  test('an address that gives no answer is said as such', async () => {
    const address = await startSilent();
    const client = clientOf({ address, times: { dialTimeoutMs: 200, connectTimeoutMs: 500 } });
    const said = {
      code: 'AGENT_UNREACHABLE',
      message: expect.stringContaining(`${address} did not take a connection`),
    };
    await expect(client.open({ panel: 'echo' })).rejects.toMatchObject(said);
    await expect(client.listPanels()).rejects.toMatchObject(said);
  });
});

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { createPaneletClient, type PaneletClient } from '#client/sdk.js';
import { State, type StatusRequest, type StatusResponse, type WorkerStatus } from '#proto/gate/v1/gate.js';
import {
  builtPrograms,
  call,
  connectAgent,
  createAgentHome,
  type AgentHome,
  type AgentProcess,
} from '#test/support/agent/running-agent.js';
import { echoed } from '#test/support/echoed.js';
import { waitFor } from '#test/support/wait-for.js';
import { spawnWorker, type WorkerProcess } from '#test/support/worker-process.js';

jest.setTimeout(120_000);

describe('an agent that finds several workers of a panel', () => {
  let home: AgentHome;
  let client: PaneletClient;
  let agent: AgentProcess;
  let second: WorkerProcess | undefined;

  const workers = async (): Promise<readonly WorkerStatus[]> => {
    const clients = connectAgent(home.address);
    try {
      const { status } = await call<StatusRequest, StatusResponse>((...rest) => clients.gate.status(...rest), {});
      return status?.workers ?? [];
    } finally {
      clients.close();
    }
  };
  const restart = async (): Promise<void> => {
    agent.child.kill('SIGKILL');
    await agent.exited;
    agent = await home.start();
  };
  const startBeside = async (): Promise<WorkerProcess> => {
    const socket = join(home.dir, 'run', 'workers', 'echo.2.sock');
    second = spawnWorker({ dir: home.dir, socket, args: ['--beside'] });
    await second.ready;
    return second;
  };

  beforeEach(async () => {
    const workerCommand = [process.execPath, builtPrograms.worker];
    home = createAgentHome(builtPrograms, { panels: [{ name: 'echo' }], workerCommand });
    agent = await home.start();
    client = createPaneletClient({ address: home.address });
  });
  afterEach(async () => {
    await client.close();
    await second?.end();
    home.remove();
  });

  test('adopts all, gives what is new to the one that came last, and counts each session once', async () => {
    const old = await client.open({ panel: 'echo' });
    expect(await echoed(old, 'old')).toBe('old');
    const { pid } = await startBeside();
    await restart();
    const [first, newest] = await workers();
    expect(first).toMatchObject({ retiring: true, sessions: 1, pid: home.record('echo')?.pid });
    expect(newest).toMatchObject({ retiring: false, sessions: 0, pid });
    const young = await client.open({ panel: 'echo' });
    expect(await echoed(young, 'young')).toBe('young');
    await waitFor('each has one', async () => (await workers()).every(({ sessions }) => sessions === 1));
    const listed = await client.listSessions();
    expect(listed.map(({ sessionId }) => sessionId).sort()).toEqual([old.sessionId, young.sessionId].sort());
  });

  test('relays to the worker that has a session, old or new, and to the newest once it is nobody’s', async () => {
    const sessions = [await client.open({ panel: 'echo' })];
    await startBeside();
    await restart();
    sessions.push(await client.open({ panel: 'echo' }));
    for (const session of sessions) expect(await echoed(session, 'both')).toBe('both');
    await restart();
    for (const session of sessions) expect(await echoed(session, 'again')).toBe('again');
    const told = new Promise((resolve) => sessions[0]?.on('resumed', resolve));
    const [first] = home.workers('echo');
    process.kill(first!.pid, 'SIGKILL');
    expect(await told).toMatchObject({ exact: false, incarnation: 2 });
    for (const session of sessions) expect(await echoed(session, 'on')).toBe('on');
  });

  test('does not start one again that retires, nor forget the newest', async () => {
    const [{ pid }, [first]] = [await startBeside(), home.workers('echo')];
    await restart();
    process.kill(first!.pid, 'SIGKILL');
    await waitFor('one is left', async () => (await workers()).length === 1);
    expect(await workers()).toMatchObject([{ pid, retiring: false }]);
    second!.child.kill('SIGKILL');
    await waitFor('the newest is started again', async () => {
      const [again] = await workers();
      return again?.state === State.SERVING && again.pid !== pid;
    });
  });

  test('takes the one that lives for the newest, where the one that came last does not', async () => {
    const [first] = home.workers('echo');
    const { child } = await startBeside();
    agent.child.kill('SIGKILL');
    await agent.exited;
    child.kill('SIGKILL');
    agent = await home.start();
    await waitFor('one is left', async () => (await workers()).length === 1);
    expect(await workers()).toMatchObject([{ pid: first!.pid, retiring: false }]);
  });
});

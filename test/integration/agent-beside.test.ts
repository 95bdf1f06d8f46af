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

  test('adopts all, gives what is new to the one that came last, and retires the others without a loss', async () => {
    const old = await client.open({ panel: 'echo' });
    expect(await echoed(old, 'old')).toBe('old');
    const { pid } = await startBeside();
    await restart();
    // The other one may have ended already.
    expect((await workers()).at(-1)).toMatchObject({ retiring: false, pid });
    const young = await client.open({ panel: 'echo' });
    for (const session of [old, young]) expect(await echoed(session, 'both')).toBe('both');
    const listed = await client.listSessions();
    expect(listed.map(({ sessionId }) => sessionId).sort()).toEqual([old.sessionId, young.sessionId].sort());
    await waitFor('the old one has ended', async () => (await workers()).length === 1);
    await waitFor('the newest has both', async () => (await workers()).every(({ sessions }) => sessions === 2));
    await restart();
    for (const session of [old, young]) expect(await echoed(session, 'again')).toBe('again');
    expect([old, young].map((session) => session.stats().losses)).toEqual([0, 0]);
  });

  test('starts the newest again that is killed, and none that has retired', async () => {
    const { pid } = await startBeside();
    await restart();
    await waitFor('one is left', async () => (await workers()).length === 1);
    expect(await workers()).toMatchObject([{ pid, retiring: false }]);
    second!.child.kill('SIGKILL');
    await waitFor('the newest is started again', async () => {
      const [again] = await workers();
      return again?.state === State.SERVING && again.pid !== pid;
    });
    expect(await workers()).toHaveLength(1);
  });

  test('takes the one that lives for the newest, where the one that came last does not', async () => {
    // An agent serves before its workers do.
    await waitFor('the first serves', async () => (await workers())[0]?.state === State.SERVING);
    const [first] = await workers();
    const { child } = await startBeside();
    agent.child.kill('SIGKILL');
    await agent.exited;
    child.kill('SIGKILL');
    agent = await home.start();
    await waitFor('one is left', async () => (await workers()).length === 1);
    expect(await workers()).toMatchObject([{ pid: first!.pid, retiring: false }]);
  });
});
